// Holds the places of pictures while a conversation is rendered: a mark in the message's text, which the prompt later replaces by the picture. As
// llama-server does, templates get texts only: what stands around a picture is written by the projector, in the way of its family.
import type { ChatConversation } from "../format/index.ts";

/** A Unicode noncharacter. The index of the picture stands between two of them. */
const mark = "\uFFFE";
const marked = /\uFFFE(\d+)\uFFFE/;

type PicturedPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly picture: number };

type Message = ChatConversation["messages"][number];
export type PicturedMessage = Omit<Message, "content"> & { readonly content: string | readonly PicturedPart[] };
export type PicturedConversation = Omit<ChatConversation, "messages"> & {
  readonly messages: readonly PicturedMessage[];
};

/** Replaces the pictures in the messages by marks. A message with pictures becomes one text: its texts are joined by newlines, except next to pictures. */
export function markPictures(conversation: PicturedConversation): ChatConversation {
  return { ...conversation, messages: conversation.messages.map(markMessage) };
}

function markMessage({ content, ...message }: PicturedMessage): Message {
  if (typeof content === "string") return { ...message, content: withoutMarks(content) };
  const texts = content.filter((part) => part.type === "text");
  if (texts.length === content.length) {
    return { ...message, content: texts.map((part) => ({ ...part, text: withoutMarks(part.text) })) };
  }
  const joined = content.map((part, i) => {
    if (part.type === "image") return `${mark}${part.picture}${mark}`;
    return `${content[i - 1]?.type === "text" ? "\n" : ""}${withoutMarks(part.text)}`;
  });
  return { ...message, content: joined.join("") };
}

/** Replaces marks in a client's text, so that the text does not become a picture. */
export function withoutMarks(text: string): string {
  return text.replaceAll(mark, "\uFFFD");
}

/** Index of a picture that the rendered conversation does not show; undefined if it shows all of them. */
export function missingPicture({ messages }: PicturedConversation, rendered: string): number | undefined {
  const wanted = messages.flatMap(({ content }) =>
    typeof content === "string" ? [] : content.flatMap((part) => (part.type === "image" ? [part.picture] : [])),
  );
  if (wanted.length === 0) return undefined;
  const shown = new Set(splitAtPictures(rendered));
  return wanted.find((picture) => !shown.has(picture));
}

/** Divides a rendered conversation into its texts and the indexes of its pictures, in turn: the first and the last are texts, which may be empty. */
export function splitAtPictures(rendered: string): readonly (string | number)[] {
  return rendered.split(marked).map((part, i) => (i % 2 === 1 ? Number(part) : part));
}
