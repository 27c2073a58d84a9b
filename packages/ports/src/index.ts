export * from "./lib/ports.ts";
