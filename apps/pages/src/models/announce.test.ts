// Shows the announcements for screen readers when models change.
import { expect, it } from "vitest";
import { stateChanges, statesOf } from "./announce.ts";
import { modelStatus } from "./testing/model-status.ts";

it("announces models that appeared, changed or disappeared, and no other models", () => {
  const before = statesOf([modelStatus("a"), modelStatus("b", { state: "ready" }), modelStatus("c")]);
  const after = statesOf([
    modelStatus("a", { state: "loading" }),
    modelStatus("b", { state: "ready" }),
    modelStatus("d"),
  ]);
  expect(stateChanges(before, after)).toBe("a is loading. d is not loaded. c is gone.");
  expect(stateChanges(after, after)).toBe("");
});
