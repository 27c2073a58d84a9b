// Owns the reference of all routes: the OpenAPI document and the page that shows it. Each is made once, on first use: making the document
// takes 10 to 30 ms, in which no stream moves, and anybody may ask for the page.
import type { Handler } from "./dialect.ts";
import { referencePage, referencePaths, referenceStyle } from "./reference-page.ts";

const headers = {
  "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

const targets: ReadonlySet<string> = new Set(Object.values(referencePaths));

export interface Reference {
  /** The OpenAPI document as JSON. */
  document(): string;
  readonly page: Handler;
  readonly style: Handler;
}

export function createReference(openApi: () => unknown): Reference {
  let document: string | undefined;
  let page: string | undefined;
  const documentText = (): string => (document ??= JSON.stringify(openApi()));
  return {
    document: documentText,
    page: (c) => c.html((page ??= referencePage(JSON.parse(documentText()))), 200, headers),
    style: (c) => c.body(referenceStyle, 200, { ...headers, "content-type": "text/css" }),
  };
}

/** Whether a request is for the page or its style: they carry no data, so they need no token. */
export function isReference(method: string, path: string): boolean {
  return method === "GET" && targets.has(path);
}
