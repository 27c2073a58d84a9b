export * from "./header/picture-header.ts";
export * from "./limits.ts";
