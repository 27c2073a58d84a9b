// Owns states and instructions: texts or JSON, which may contain pictures.
import { randomUUID } from "node:crypto";
import type { MessageContentPart } from "../../conversation/parts.ts";

type Part = Exclude<MessageContentPart, { readonly type: "unread" }>;
export type Parts = readonly Part[];

/** The value as prompts have it: a text unchanged, other values as compact JSON, with their picture parts in their places. */
export function render(value: unknown): Parts {
  if (typeof value === "string") return joined([textPart(value)]);
  // Marks the place of a picture in the text. No client can write it.
  const mark = randomUUID();
  const pictures: Part[] = [];
  const text = JSON.stringify(value, (_, member: unknown) => {
    const { type, image_url: image } = Object(member) as { readonly type?: unknown; readonly image_url?: unknown };
    const { url } = Object(image) as { readonly url?: unknown };
    if (type !== "image_url" || typeof url !== "string") return member;
    pictures.push({ type, image_url: { url } });
    return mark;
  });
  return joined(text.split(mark).flatMap((piece, at) => [textPart(piece), ...pictures.slice(at, at + 1)]));
}

export function sourcesIn(parts: Parts): readonly string[] {
  return parts.flatMap((part) => (part.type === "text" ? [] : [part.image_url.url]));
}

export function textPart(text: string): Part {
  return { type: "text", text };
}

/** Joins neighbouring texts, and drops empty ones. */
export function joined(parts: Parts): Parts {
  const all: Part[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (part.type === "text" && last?.type === "text") all[all.length - 1] = textPart(last.text + part.text);
    else if (part.type !== "text" || part.text !== "") all.push(part);
  }
  return all;
}
