// Owns attached files: their limits, and their text in the message to the model. Pure.
import type { PictureFacts } from "../pictures/picture.ts";

/** A picture, or the text of another file. Of other files, only the text is stored and sent. */
export interface Attachment {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  /** Empty for a picture. */
  readonly text: string;
  readonly picture?: PictureFacts;
  /** Number of pages of a PDF. */
  readonly pages?: number;
  /** The model's count; absent if the worker has not counted. */
  readonly tokens?: number;
}

export const attachmentLimits = {
  /** Limit for the files of one message. */
  files: 10,
  textFileBytes: 4 * 1024 * 1024,
  pdfFileBytes: 32 * 1024 * 1024,
  pdfPages: 2_000,
  /** Limit for the text of one file: the worker's limit for tokenizing in one request. */
  textChars: 500_000,
  /** Limit for the texts of all files of one message, because a request may have 4 MiB. */
  messageChars: 1_000_000,
} as const;

/** The content of a file, or a reason that completes "Cannot attach x.pdf: ". */
export type ReadFile =
  | { readonly kind: "text"; readonly text: string; readonly pages?: number }
  | { readonly kind: "picture"; readonly picture: PictureFacts; readonly file: Blob }
  | { readonly kind: "refused"; readonly reason: string };

export function refused(reason: string): ReadFile {
  return { kind: "refused", reason };
}

/** The text of a message as the model gets it: each file in a separate frame, then the text. Leaves out pictures. */
export function withAttachments(text: string, attachments: readonly Attachment[] = []): string {
  const files = attachments.filter(({ picture }) => picture === undefined);
  return [...files.map(framed), ...(text.trim() === "" ? [] : [text])].join("\n\n");
}

/** An attachment that is a picture. */
export type PictureAttachment = Attachment & { readonly picture: PictureFacts };

export function picturesIn(attachments: readonly Attachment[] = []): readonly PictureAttachment[] {
  return attachments.filter((attachment): attachment is PictureAttachment => attachment.picture !== undefined);
}

function framed({ name, text }: Attachment): string {
  return `File: ${name}\n${fenced(text)}`;
}

/**
 * A code block in Markdown. Its fence is longer than every fence in the text, so that the text cannot close the block.
 * @param language the word after the first fence
 */
export function fenced(text: string, language = ""): string {
  const longest = Math.max(2, ...(text.match(/`{3,}/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\n+$/, "")}\n${fence}`;
}

export function charsOf(attachments: readonly Attachment[]): number {
  return attachments.reduce((sum, { text }) => sum + text.length, 0);
}
