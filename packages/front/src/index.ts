export * from "./server/app.ts";
export * from "./access/client-accounts.ts";
export * from "./server/context.ts";
export * from "./dialects/native/generate-spec.ts";
export { requireAdmin } from "./access/require-admin.ts";
export * from "./schemas/schema-compiler.ts";
export * from "./server/server.ts";
export * from "./stream/stream-counter.ts";
export type { Mcp } from "./calls/calls.ts";
