// Owns the content of a visitor's message as the model gets it: pictures, texts of files, and the text. Pure.
import { picturesIn, withAttachments, type Attachment } from "../attachments/attachment.ts";
import { unseenPicture } from "../pictures/sight.ts";
import type { ChatMessage } from "../tool-calls/tool-calls.ts";

export type Content = NonNullable<ChatMessage["content"]>;
type MessagePart = Exclude<Content, string>[number];

const picturePrefix = "attachment:";

/** The attachment whose picture is in a part. The part gets the picture's file when the request is sent. */
export function attachmentIdOf(url: string): string {
  return url.slice(picturePrefix.length);
}

interface MessageBody {
  readonly text: string;
  readonly attachments?: readonly Attachment[];
}

/** Pictures come before the text. @param sees false for a model that sees no pictures: it gets their names */
export function messageContent({ text, attachments }: MessageBody, sees: boolean): Content {
  const pictures = picturesIn(attachments);
  const words = withAttachments(text, attachments);
  if (pictures.length === 0) return words;
  if (!sees) {
    return [...pictures.map(({ name }) => unseenPicture(name)), words].filter((part) => part !== "").join("\n\n");
  }
  return [
    ...pictures.map(({ id }): MessagePart => ({ type: "image_url", image_url: { url: picturePrefix + id } })),
    ...asParts(words),
  ];
}

/** Two contents as one, with a blank line between their texts. */
export function joinedContent(first: Content, second: Content): Content {
  if (typeof first === "string" && typeof second === "string") return `${first}\n\n${second}`;
  const [before, after] = [asParts(first), asParts(second)];
  const [last, next] = [before.at(-1), after[0]];
  return last?.type === "text" && next?.type === "text"
    ? [...before.slice(0, -1), { type: "text", text: `${last.text}\n\n${next.text}` }, ...after.slice(1)]
    : [...before, ...after];
}

/** The number of characters. @param pictureChars the characters for which a picture counts */
export function lengthOf(content: Content, pictureChars: number): number {
  return asParts(content).reduce((sum, part) => sum + (part.type === "text" ? part.text.length : pictureChars), 0);
}

function asParts(content: Content): readonly MessagePart[] {
  if (typeof content !== "string") return content;
  return content === "" ? [] : [{ type: "text", text: content }];
}
