// Owns which kinds of files a page may consist of, and the content type of each. A file of any other kind is never served.

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Undefined for what no page is made of. */
export function contentTypeOf(file: string): string | undefined {
  return contentTypes[/\.[a-z]+$/.exec(file)?.[0] ?? ""];
}
