// Owns the writing of a model's file: a file that has its name is whole.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** In this order; memory holds one piece at a time. Answers with the file's bytes. @throws Error naming the path when it cannot be written; then nothing is left of it */
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
