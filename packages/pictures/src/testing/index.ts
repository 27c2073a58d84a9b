export * from "./made-pictures.ts";
