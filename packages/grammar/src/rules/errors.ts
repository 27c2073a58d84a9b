// Owns the error for schemas that cannot be compiled. It has no wire code: the caller maps it to `invalid_argument`.

const shownPathChars = 200;

/** The schema has conditions that no grammar can guarantee, contradicts itself, or is too large. */
export class UnsupportedSchemaError extends Error {
  override readonly name = "UnsupportedSchemaError";
  /** JSON Pointer to the keyword, from the root of the schema. */
  readonly path: string;
  /** The keyword that cannot be compiled. If no single keyword is the cause, "schema", and `path` then points to the schema. */
  readonly keyword: string;

  /** @param reason the rest of a sentence that begins with the keyword, such as "is not supported" */
  constructor(path: string, keyword: string, reason: string) {
    const subject = keyword === "schema" ? "the schema" : JSON.stringify(keyword);
    super(`Cannot compile the JSON schema: ${subject} at ${shownPath(path)} ${reason}`);
    this.path = path;
    this.keyword = keyword;
  }
}

function shownPath(path: string): string {
  if (path === "") return "the root";
  return path.length <= shownPathChars ? path : `${path.slice(0, shownPathChars)}…`;
}
