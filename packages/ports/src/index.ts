export * from "./lib/listen-reason.ts";
export * from "./lib/ports.ts";
