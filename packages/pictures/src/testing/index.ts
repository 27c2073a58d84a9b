export * from "./hostile-pictures.ts";
export * from "./made-pictures.ts";
