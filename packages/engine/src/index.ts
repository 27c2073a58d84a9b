export * from "./lib/backend.ts";
export * from "./lib/messages.ts";
