export * from "./listen-reason.ts";
export * from "./ports.ts";
