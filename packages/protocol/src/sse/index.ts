export * from "./encode-sse.ts";
export * from "./parse-sse.ts";
export * from "./ndjson.ts";
export * from "./decode-stream.ts";
