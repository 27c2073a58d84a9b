// Lists the types of files that pages consist of, with their content types. Other files are never served.

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Undefined for any other kind of file. */
export function contentTypeOf(file: string): string | undefined {
  return contentTypes[/\.[a-z]+$/.exec(file)?.[0] ?? ""];
}
