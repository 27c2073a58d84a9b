// Owns the error for files that cannot be read as a model.

/** The message is the reason without the file's name, for example "not a GGUF file". Callers put the name in front. */
export class GgufError extends Error {
  override readonly name = "GgufError";
}

/** @param detail the impossible value, for example "a string of 99 bytes at 12" */
export function damaged(detail: string): GgufError {
  return new GgufError(`the file is truncated or damaged (${detail}); download it again`);
}
