export * from "./add.ts";
export * from "./compare.ts";
export * from "./gpu-add.ts";
export * from "./gpu-devices.ts";
export * from "./packages.ts";
export * from "./proof.ts";
export * from "./unused-gpu.ts";
