// Owns states and instructions: texts or JSON of any shape, which may contain pictures.
import { randomUUID } from "node:crypto";
import { refuseField } from "@waggle/protocol";
import type { MessageContentPart } from "../../conversation/parts.ts";

type Part = Exclude<MessageContentPart, { readonly type: "unread" }>;

export interface Rendered {
  /** As prompts have it: a text unchanged, other values as compact JSON, with pictures in their places. */
  readonly parts: readonly Part[];
  /** As the client sent it. */
  readonly value: unknown;
}

/** The sources of pictures by the names that the state has for them. */
export type Assets = ReadonlyMap<string, string>;

const noAssets: Assets = new Map();

/**
 * @param field the value's field, for errors
 * @throws WaggleError invalid_argument for parts that no model reads, and for an asset that the value does not name
 */
export function render(value: unknown, field: string, assets = noAssets): Rendered {
  // Marks the place of a picture in the text. No client can write it.
  const mark = randomUUID();
  const sources: string[] = [];
  const missing = new Map(assets);

  function named(text: string): string {
    if (missing.size === 0) return text;
    const withPicture = (name: string): string => {
      const source = missing.get(name);
      if (source === undefined) return name;
      missing.delete(name);
      sources.push(source);
      return `${name} ${mark}`;
    };
    return missing.has(text) ? withPicture(text) : text.replace(/[\w-]+/g, withPicture);
  }

  function marked(member: unknown): unknown {
    if (typeof member === "string") return named(member);
    const source = pictureOf(member, field);
    if (source === undefined) return member;
    sources.push(source);
    return mark;
  }

  const text =
    value == null
      ? ""
      : typeof value === "string"
        ? named(value)
        : JSON.stringify(value, (_, member) => marked(member));
  const [unnamed] = missing.keys();
  if (unnamed !== undefined) throw refuseField(`assets.${unnamed}`, `the ${field} does not name it`);
  return {
    parts: joined(text.split(mark).flatMap((piece, at) => [textPart(piece), ...pictureParts(sources[at])])),
    value,
  };
}

/** Adds pictures after the value. */
export function withPictures(rendered: Rendered, sources: readonly string[]): Rendered {
  return { ...rendered, parts: [...rendered.parts, ...sources.flatMap(pictureParts)] };
}

export function textPart(text: string): Part {
  return { type: "text", text };
}

function pictureParts(url: string | undefined): readonly Part[] {
  return url === undefined ? [] : [{ type: "image_url", image_url: { url } }];
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

/** The source of a picture in the form of OpenAI's parts. @throws WaggleError invalid_argument for audio and video */
function pictureOf(value: unknown, field: string): string | undefined {
  const { type, image_url: image } = Object(value) as { readonly type?: unknown; readonly image_url?: unknown };
  if (type === "input_audio" || type === "audio_url" || type === "input_video" || type === "video_url") {
    throw refuseField(field, `its part "${type}" cannot be read`);
  }
  if (type !== "image_url" && type !== "input_image") return undefined;
  const { url = image } = Object(image) as { readonly url?: unknown };
  return typeof url === "string" ? url : undefined;
}
