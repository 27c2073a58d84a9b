export * from "./lib/bundle.ts";
export * from "./lib/places.ts";
export * from "./lib/programs.ts";
