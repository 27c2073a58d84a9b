export * from "./lib/add.ts";
export * from "./lib/compare.ts";
export * from "./lib/gpu-add.ts";
export * from "./lib/gpu-devices.ts";
export * from "./lib/packages.ts";
export * from "./lib/proof.ts";
export * from "./lib/unused-gpu.ts";
