// Owns the reference of all routes as a document. It is made once, on first use: that takes 10 to 30 ms, in which no stream moves, and
// any client may request it.
import { workerRoutes } from "@waggle/protocol";

export interface Reference {
  /** The OpenAPI document as JSON. */
  document(): string;
}

export function createReference(openApi: () => unknown): Reference {
  let document: string | undefined;
  return { document: () => (document ??= JSON.stringify(openApi())) };
}

/** Whether a request is for the document: it carries no data, and the page that shows it needs no token either. */
export function isReference(method: string, path: string): boolean {
  return method === "GET" && path === workerRoutes.openapi.path;
}
