export type { DownloadProgress } from "./lib/download.ts";
export { resolveModel, type ResolveModelOptions } from "./lib/resolve-model.ts";
export { shownReference } from "./lib/shown-reference.ts";
