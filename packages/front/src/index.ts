export * from "./lib/app.ts";
export * from "./lib/context.ts";
export * from "./lib/dialects/native/generate-spec.ts";
export * from "./lib/schema-compiler.ts";
export * from "./lib/server.ts";
export * from "./lib/stream-counter.ts";
export * from "./lib/token-file.ts";
export * from "./lib/tokens.ts";
