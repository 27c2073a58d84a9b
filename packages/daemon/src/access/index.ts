export * from "./access-gate.ts";
