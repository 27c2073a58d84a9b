// Owns the exports of the hostile shapes; it is a separate entry, since the rest of this package needs vitest.
export * from "./ask.ts";
export * from "./attacks.ts";
export * from "./fields.ts";
export * from "./grammars.ts";
export * from "./requests.ts";
export * from "./schemas.ts";
export * from "./values.ts";
