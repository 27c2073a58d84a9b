export * from "./lib/pages.ts";
