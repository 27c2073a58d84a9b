export * from "./read-tokens.ts";
export * from "./token-file.ts";
export * from "./token-rights.ts";
export * from "./token-table.ts";
