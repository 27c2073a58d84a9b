export type { LlamaDevice, LogLevel } from "./load/llama.ts";
export { loadLlamaBackend, type LlamaBackendOptions } from "./load/load.ts";
export type { ProjectorSettings } from "./pictures/open-pictures.ts";
