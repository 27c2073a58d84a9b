export * from "./lib/add.ts";
export * from "./lib/compare.ts";
export * from "./lib/gpu-add.ts";
export * from "./lib/packages.ts";
export * from "./lib/proof.ts";
