export * from "./sampling-fields.ts";
