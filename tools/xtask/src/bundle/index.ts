export * from "./bundle.ts";
export * from "./places.ts";
export * from "./programs.ts";
