// Owns the reading of a model's header from this machine's files, all parts of a split one.
import { basename, dirname, join } from "node:path";
import { openFileSource } from "./byte-source.ts";
import { readGgufParts, type GgufHeader, type ReadHeaderOptions } from "./read-header.ts";

const partPattern = /-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * The paths or URLs of all parts of a split model, in order, by the name of any of them; of another file just its own. `a-00001-of-00002.gguf`
 * is what llama.cpp's gguf-split calls them.
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
 * Reads the header of a file, or of all parts of the model that it is a part of.
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
