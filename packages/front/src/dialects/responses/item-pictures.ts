// Finds the pictures in the items of a conversation, and puts their hashes in the place of their sources, so that stored items have no picture data.
import type { Picture } from "@waggle/engine";
import { pictureSource } from "@waggle/protocol";
import type { ResponseContent, ResponseItem } from "@waggle/protocol";
import type { ReadPicturesOf } from "../../pictures/picture-reader.ts";

export interface PicturedItems {
  readonly items: readonly ResponseItem[];
  /** The pictures that the items name by their hashes. */
  readonly pictures: readonly Picture[];
}

/** @throws WaggleError as from `readPictures` */
export async function picturedItems(
  items: readonly ResponseItem[],
  readPictures: ReadPicturesOf,
): Promise<PicturedItems> {
  const sources = items.flatMap((item) => sourcesIn(contentOf(item)));
  if (sources.length === 0) return { items, pictures: [] };
  const { pictures, indexOf } = await readPictures(sources);
  const hashed = (content: ResponseContent): ResponseContent => {
    if (typeof content === "string") return content;
    return content.map((part) => {
      if (part.type !== "input_image") return part;
      return { ...part, image_url: pictureSource(pictures[indexOf(part.image_url)]?.sha256 ?? "") };
    });
  };
  return {
    pictures,
    items: items.map((item) => {
      if (isMessage(item)) return { ...item, content: hashed(item.content) };
      return isOutput(item) ? { ...item, output: hashed(item.output) } : item;
    }),
  };
}

function isMessage(item: ResponseItem): item is Extract<ResponseItem, { type?: "message" | undefined }> {
  return item.type === undefined || item.type === "message";
}

function isOutput(
  item: ResponseItem,
): item is Extract<ResponseItem, { type: "function_call_output" | "custom_tool_call_output" }> {
  return item.type === "function_call_output" || item.type === "custom_tool_call_output";
}

function contentOf(item: ResponseItem): ResponseContent {
  if (isMessage(item)) return item.content;
  return isOutput(item) ? item.output : "";
}

function sourcesIn(content: ResponseContent): readonly string[] {
  if (typeof content === "string") return [];
  return content.flatMap((part) => (part.type === "input_image" ? [part.image_url] : []));
}
