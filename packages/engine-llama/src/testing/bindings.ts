// Owns the bindings that tests run on: the library's own, and the addon. Without the addon's file, the tests of the addon are skipped.
import { lacks, needs } from "@waggle/testing";
import { describe } from "vitest";
import type { Binding } from "../passes/open-decoder.ts";

export { loadOn } from "./load-on.ts";

/** Also true without the addon where it is required, so that its tests fail there. */
export const hasAddon = !lacks("Waggle's addon");

export const bindings: readonly Binding[] = hasAddon ? ["library", "addon"] : ["library"];

/** A suite for each binding. */
export function describeBindings(body: (binding: Binding) => void): void {
  describe("on the binding library", () => {
    body("library");
  });
  describe("on the binding addon", needs("Waggle's addon"), () => {
    body("addon");
  });
}
