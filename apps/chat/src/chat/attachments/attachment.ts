// Owns what an attached file is, its limits, and how its text stands in the message that goes to the model. Pure.

/** A file as text, read in the browser; the file itself goes nowhere. */
export interface Attachment {
  readonly id: string;
  readonly name: string;
  /** Of the file. */
  readonly bytes: number;
  readonly text: string;
  /** Of a PDF. */
  readonly pages?: number;
  /** As the model counts them; absent where it could not be asked. */
  readonly tokens?: number;
}

export const attachmentLimits = {
  /** With one message. */
  files: 10,
  textFileBytes: 4 * 1024 * 1024,
  pdfFileBytes: 32 * 1024 * 1024,
  pdfPages: 2_000,
  /** Of one file's text; the worker counts the tokens of no more at a time. */
  textChars: 500_000,
  /** Of all files of one message; a request may have 4 MiB. */
  messageChars: 1_000_000,
} as const;

/** A reason goes on from "Cannot attach x.pdf: ". */
export type ReadFile =
  | { readonly kind: "text"; readonly text: string; readonly pages?: number }
  | { readonly kind: "refused"; readonly reason: string };

export function refused(reason: string): ReadFile {
  return { kind: "refused", reason };
}

/** What a message says to the model: each file in a frame of its own, then what was written. */
export function withAttachments(text: string, attachments: readonly Attachment[] = []): string {
  return [...attachments.map(framed), ...(text.trim() === "" ? [] : [text])].join("\n\n");
}

function framed({ name, text }: Attachment): string {
  return `File: ${name}\n${fenced(text)}`;
}

/**
 * As a block of code in Markdown. The fence is longer than any in the text, so that no text can end its own frame.
 * @param language what follows the first fence
 */
export function fenced(text: string, language = ""): string {
  const longest = Math.max(2, ...(text.match(/`{3,}/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\n+$/, "")}\n${fence}`;
}

export function charsOf(attachments: readonly Attachment[]): number {
  return attachments.reduce((sum, { text }) => sum + text.length, 0);
}
