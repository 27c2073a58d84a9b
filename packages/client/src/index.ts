export { BrokenStreamError } from "./lib/broken-stream-error.ts";
export type { CallOptions, ClientOptions } from "./lib/http.ts";
export type { ModelCalls } from "./lib/model-calls.ts";
export * from "./lib/worker-client.ts";
export * from "./lib/hive-client.ts";
