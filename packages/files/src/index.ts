export * from "./lib/make-folder.ts";
export * from "./lib/read-text.ts";
