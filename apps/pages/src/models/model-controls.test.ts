// Shows the summary of changes while their dialog is closed.
import { expect, it } from "vitest";
import type { Change } from "./changes/changes.ts";
import { summaryOf } from "./model-controls.ts";

const load: Change = { kind: "load", subject: "bee", state: "running" };
const pull: Change = {
  kind: "pull",
  subject: "hf:bees/queen",
  state: "running",
  progress: { type: "progress", stage: "downloading", progress: 0.42 },
};

it("there is no summary without changes, and a change with figures is preferred", () => {
  expect(summaryOf([])).toBeUndefined();
  expect(summaryOf([load])?.words).toBe("Changing…");
  expect(summaryOf([load, pull])).toEqual({
    state: "running",
    words: "Downloading 42 %",
    spoken: "hf:bees/queen: Downloading: 25 %",
  });
});

it("a failed change is preferred to all other changes", () => {
  expect(summaryOf([pull, { ...load, state: "failed" }])).toMatchObject({ state: "failed", words: "Change failed" });
  expect(summaryOf([{ ...pull, state: "failed" }, load])?.words).toBe("Download failed");
});
