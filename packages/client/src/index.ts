export { BrokenStreamError } from "./stream.ts";
export type { CallOptions, ClientOptions } from "./http.ts";
export { networkReason } from "./network-reason.ts";
export * from "./batch-calls.ts";
export type { ModelCalls } from "./model-calls.ts";
export * from "./worker-client.ts";
export * from "./hive-client.ts";
