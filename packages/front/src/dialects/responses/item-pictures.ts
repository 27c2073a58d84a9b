// Finds the pictures in the items of a conversation, and puts their hashes in the place of their sources, so that stored items have no picture data.
import type { Picture } from "@waggle/engine";
import { pictureSource } from "@waggle/protocol";
import type { ResponseItem } from "@waggle/protocol";
import type { ReadPicturesOf } from "../../pictures/picture-reader.ts";

export interface PicturedItems {
  readonly items: readonly ResponseItem[];
  /** The pictures that the items name by their hashes. */
  readonly pictures: readonly Picture[];
}

/** Pictures that cannot be read keep their sources: whether the request is refused depends on their place in the conversation. */
export async function picturedItems(
  items: readonly ResponseItem[],
  readPictures: ReadPicturesOf,
): Promise<PicturedItems> {
  const sources: string[] = [];
  for (const item of items) {
    withSources(item, (source) => {
      sources.push(source);
      return source;
    });
  }
  if (sources.length === 0) return { items, pictures: [] };
  const { pictures, indexOf } = await readPictures(sources, () => false);
  const hashed = (source: string): string => {
    const picture = pictures[indexOf(source) ?? -1];
    return picture === undefined ? source : pictureSource(picture.sha256);
  };
  return { pictures, items: items.map((item) => withSources(item, hashed)) };
}

/** The item with other sources of its pictures. */
function withSources(item: ResponseItem, change: (source: string) => string): ResponseItem {
  const inPart = (part: unknown): unknown => {
    const { image_url: source } = (part ?? {}) as { image_url?: unknown };
    return typeof source === "string" ? { ...(part as object), image_url: change(source) } : part;
  };
  const inParts = (content: unknown): unknown => (Array.isArray(content) ? content.map(inPart) : inPart(content));
  switch (item.type) {
    case undefined:
    case null:
    case "message":
      return { ...item, content: inParts(item.content) };
    case "function_call_output":
    case "custom_tool_call_output":
    case "computer_call_output":
      return { ...item, output: inParts(item.output) };
    case "image_generation_call":
      return item.result == null ? item : { ...item, result: change(item.result) };
    default:
      return item;
  }
}
