// Reads a model's header from local files, including all parts of a split model.
import { basename, dirname, join } from "node:path";
import { openFileSource } from "./byte-source.ts";
import { readGgufParts, type GgufHeader, type ReadHeaderOptions } from "./read-header.ts";

const partPattern = /-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * Paths or URLs of all parts of a split model, in order.
 * @param name path or URL of any part, as llama.cpp's gguf-split names parts: `a-00001-of-00002.gguf`
 * @returns only `name` if it is not the name of a part
 */
export function partNames(name: string): readonly string[] {
  const [ending = "", part, parts] = partPattern.exec(name) ?? [];
  if (part === undefined || parts === undefined || Number(part) < 1 || Number(part) > Number(parts)) return [name];
  const start = name.slice(0, -ending.length);
  return Array.from(
    { length: Number(parts) },
    (_, index) => `${start}-${String(index + 1).padStart(5, "0")}-of-${parts}.gguf`,
  );
}

/**
 * Reads the header of a model, with all its parts if `path` is a part of a split model.
 * @throws GgufError: no such file, not a GGUF file, truncated or damaged; the signal's reason when it aborts
 */
export async function readGgufFile(path: string, options: ReadHeaderOptions = {}): Promise<GgufHeader> {
  const names = partNames(basename(path));
  return await readGgufParts(
    names.length,
    (index) => openFileSource(names.length === 1 ? path : join(dirname(path), names[index] ?? "")),
    options,
  );
}
