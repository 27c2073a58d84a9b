// Owns states and instructions: texts or JSON of any shape, which may contain pictures.
import { randomUUID } from "node:crypto";
import { refuseField } from "@waggle/protocol";
import type { MessageContentPart } from "../../conversation/parts.ts";

type Part = Exclude<MessageContentPart, { readonly type: "unread" }>;

export interface Rendered {
  /** As prompts have it: a text or text parts unchanged, other values as compact JSON, with pictures in their places. */
  readonly parts: readonly Part[];
  /** As the client sent it; text parts as their text. */
  readonly value: unknown;
}

/**
 * @param field the value's field, for errors
 * @param assets the sources of pictures by the names that the value has for them
 * @throws WaggleError invalid_argument for parts that no model reads, and for an asset that the value does not name
 */
export function render(value: unknown, field: string, assets: ReadonlyMap<string, string> = new Map()): Rendered {
  // Marks the place of a picture in the text. No client can write it.
  const mark = randomUUID();
  const sources: string[] = [];
  const missing = new Map(assets);

  function withPicture(name: string): string {
    const source = missing.get(name);
    if (source === undefined) return name;
    missing.delete(name);
    sources.push(source);
    return `${name} ${mark}`;
  }

  function marked(member: unknown): unknown {
    if (typeof member === "string" && missing.size === 0) return member;
    if (typeof member === "string")
      return missing.has(member) ? withPicture(member) : member.replace(/[\w-]+/g, withPicture);
    const source = pictureOf(member, field);
    if (source === undefined) return member;
    sources.push(source);
    return mark;
  }

  const given = value ?? "";
  const whole = typeof given === "string" ? textPart(given) : given;
  const list: readonly unknown[] = Array.isArray(whole) && whole.length > 0 ? whole : [whole];
  const isContent = list.every((part) => textOf(part) !== undefined || pictureOf(part, field) !== undefined);
  const text = isContent
    ? list.map((part) => marked(textOf(part) ?? part)).join("")
    : JSON.stringify(value, (_, member) => marked(member));
  const [unnamed] = missing.keys();
  if (unnamed !== undefined) throw refuseField(`assets.${unnamed}`, `the ${field} does not name it`);
  const pieces = text.split(mark).map(textPart);
  const parts = joined(pieces.flatMap((piece, at) => [piece, ...pictureParts(sources.slice(at, at + 1))]));
  return { parts, value: isContent && sources.length === 0 ? text : value };
}

/** Adds pictures after the value. */
export function withPictures({ parts, value }: Rendered, sources: readonly string[] | null | undefined): Rendered {
  return { parts: [...parts, ...pictureParts(sources ?? [])], value };
}

export function sourcesIn(parts: Rendered["parts"]): readonly string[] {
  return parts.flatMap((part) => (part.type === "text" ? [] : [part.image_url.url]));
}

export function textPart(text: string): Part {
  return { type: "text", text };
}

function pictureParts(urls: readonly string[]): readonly Part[] {
  return urls.map((url) => ({ type: "image_url", image_url: { url } }));
}

/** Joins neighbouring texts, and drops empty ones. */
export function joined(parts: readonly Part[]): readonly Part[] {
  const all: Part[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (part.type === "text" && last?.type === "text") all[all.length - 1] = textPart(last.text + part.text);
    else if (part.type !== "text" || part.text !== "") all.push(part);
  }
  return all;
}

/** The text of a part in the form of OpenAI's parts. */
function textOf(value: unknown): string | undefined {
  const { type, text } = Object(value) as { readonly type?: unknown; readonly text?: unknown };
  return (type === "text" || type === "input_text") && typeof text === "string" ? text : undefined;
}

/** The source of a picture in the form of OpenAI's parts. @throws WaggleError invalid_argument for audio and video */
function pictureOf(value: unknown, field: string): string | undefined {
  const { type, image_url: image } = Object(value) as { readonly type?: unknown; readonly image_url?: unknown };
  if (typeof type === "string" && /^(?:input_audio|audio_url|input_video|video_url)$/.test(type))
    throw refuseField(field, `its part "${type}" cannot be read`);
  if (type !== "image_url" && type !== "input_image") return undefined;
  const { url = image } = Object(image) as { readonly url?: unknown };
  return typeof url === "string" ? url : undefined;
}
