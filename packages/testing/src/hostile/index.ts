// Owns the exports of hostile input. It is a separate entry of the package, because the main entry needs vitest.
export * from "./ask.ts";
export * from "./attacks.ts";
export * from "./fields.ts";
export * from "./grammars.ts";
export * from "./requests.ts";
export * from "./schemas.ts";
export * from "./uploads.ts";
export * from "./values.ts";
