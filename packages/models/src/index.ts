export type { DownloadProgress } from "./lib/download.ts";
export { hashModel, type HashModelOptions } from "./lib/hash-model.ts";
export { resolveModel, type ResolveModelOptions } from "./lib/resolve-model.ts";
export { shownReference } from "./lib/shown-reference.ts";
