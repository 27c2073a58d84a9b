// Owns the one error of this package. It knows no wire codes: the caller maps it to an invalid argument.

const shownPathChars = 200;

/** The schema asks for what no grammar here can promise, contradicts itself, or is too large. */
export class UnsupportedSchemaError extends Error {
  override readonly name = "UnsupportedSchemaError";
  /** JSON Pointer to the keyword, from the root of the schema. */
  readonly path: string;
  /** "schema" when it is no single keyword: then the path is that of the schema. */
  readonly keyword: string;

  /** @param reason what is wrong with the keyword, as the rest of a sentence that begins with it: "is not supported" */
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
