export { SseLimitError, NdjsonError } from "./lib/errors.ts";
export * from "./lib/encode-sse.ts";
export * from "./lib/parse-sse.ts";
export * from "./lib/ndjson.ts";
export type { ByteStream, Decoder } from "./lib/decode-stream.ts";
