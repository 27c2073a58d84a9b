export type { DownloadProgress } from "./lib/download.ts";
export { readModelName } from "./lib/gguf-header.ts";
export type { LlamaDevice, LogLevel } from "./lib/llama.ts";
export { loadLlamaBackend, type LlamaBackendOptions } from "./lib/load.ts";
export { resolveModel, type ResolveModelOptions } from "./lib/resolve-model.ts";
