export * from "./listen-error.ts";
export * from "./ports.ts";
