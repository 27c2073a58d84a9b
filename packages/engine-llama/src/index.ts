export type { LlamaDevice, LogLevel } from "./lib/llama.ts";
export { loadLlamaBackend, type LlamaBackendOptions } from "./lib/load.ts";
