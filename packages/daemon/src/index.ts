export * from "./lib/command-line.ts";
export * from "./lib/front-options.ts";
export * from "./lib/names.ts";
export * from "./lib/option-row.ts";
export * from "./lib/read-tokens.ts";
export * from "./lib/settings.ts";
export * from "./lib/values.ts";
