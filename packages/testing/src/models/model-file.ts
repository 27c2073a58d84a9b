// Writes a model's file under a temporary name and renames it at the end, so that a file with the final name is complete.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes the pieces in this order. Returns the file's bytes. @throws Error naming the path after a failure; the unfinished file is deleted */
export function writeModelFile(path: string, pieces: Iterable<Buffer>): number {
  const unfinished = `${path}.part`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(unfinished, "w");
    let bytes = 0;
    try {
      for (const piece of pieces) {
        writeFileSync(file, piece);
        bytes += piece.length;
      }
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
    return bytes;
  } catch (error) {
    if (existsSync(unfinished)) rmSync(unfinished);
    throw new Error(`Cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
