// Owns the content types of the pages' files. Files of other types are never served.

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Returns the content type by the file's extension; undefined for types that pages do not have. */
export function contentTypeOf(file: string): string | undefined {
  return contentTypes[/\.[a-z]+$/.exec(file)?.[0] ?? ""];
}
