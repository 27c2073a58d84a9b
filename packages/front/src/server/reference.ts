// Owns the OpenAPI document as text. The document is written once, on first use: writing takes 10 to 30 ms, which block all streams, and any
// client may request the document.
import { workerRoutes } from "@waggle/protocol";

export interface Reference {
  document(): string;
}

export function createReference(openApi: () => unknown): Reference {
  let document: string | undefined;
  return { document: () => (document ??= JSON.stringify(openApi())) };
}

/** Whether a request is for the document. Such requests need no token: the document has no data, and its page needs no token. */
export function isReference(method: string, path: string): boolean {
  return method === "GET" && path === workerRoutes.openapi.path;
}
