// Parses those settings of a model whose values are more than a number or a name.
import { duration, list, textSchema, type TextSchema } from "@waggle/daemon";

const maxGpuLayers = 10_000;
export const maxPathChars = 4_096;
/** Far above any useful scale; the limit only keeps the numbers finite. */
const maxScale = 1_000;

export function gpuLayers(): TextSchema<"auto" | "all" | number> {
  return textSchema(`auto, all, or a whole number up to ${maxGpuLayers}`, (text) => {
    if (text === "auto" || text === "all") return text;
    return /^\d{1,5}$/.test(text) && Number(text) <= maxGpuLayers ? Number(text) : undefined;
  });
}

const gap = duration("1ms", "1m", "ms");

/** Milliseconds; a bare number is in milliseconds. */
export function maxTokenGap(): TextSchema<"none" | number> {
  return textSchema("a duration from 1ms to 1m (100ms, 1s), or none", (text) => {
    return text === "none" ? text : gap.safeParse(text).data;
  });
}

export interface LoraFile {
  readonly path: string;
  readonly scale: number;
}

/** Parses `a.gguf` or `a.gguf=0.5`; commas separate several adapters. */
export function loraFiles(): TextSchema<readonly LoraFile[]> {
  return list(`files, each with or without =scale, from -${maxScale} to ${maxScale}`, (item) => {
    const [, path = "", digits] = /^(.*?)(?:=(-?\d{1,4}(?:\.\d{1,6})?))?$/.exec(item) ?? [];
    const scale = digits === undefined ? 1 : Number(digits);
    if (path === "" || path.length > maxPathChars || Math.abs(scale) > maxScale) return undefined;
    return { path, scale };
  });
}
