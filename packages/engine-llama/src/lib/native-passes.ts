// Owns passes with the native step that `xtask engine:build` compiles in: what is sampled is sampled in the same visit to the other thread.
import { createDirectPasses, type DirectPassesOptions } from "./direct-passes.ts";
import type { Passes } from "./passes.ts";

export function createNativePasses(options: DirectPassesOptions): Passes {
  return { ...createDirectPasses(options), way: "native" };
}
