// Owns the error of a file that cannot be read as a model: the reason alone; the caller that knows the file's name puts it in front.

/** "not a GGUF file", "no such file", "the file is truncated or damaged (a string of 99 bytes at 12)". */
export class GgufError extends Error {
  override readonly name = "GgufError";
}

/** @param detail what was found that cannot be */
export function damaged(detail: string): GgufError {
  return new GgufError(`the file is truncated or damaged (${detail})`);
}
