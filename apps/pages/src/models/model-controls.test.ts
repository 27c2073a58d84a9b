// Shows the summary of changes while their dialog is closed.
import type { Download } from "@waggle/protocol";
import { expect, it } from "vitest";
import type { Change } from "./changes/changes.ts";
import { summaryOf } from "./model-controls.ts";

const load: Change = { kind: "load", subject: "bee", state: "running" };
const download: Download = { name: "queen", state: "running", stage: "downloading", progress: 0.42 };

it("there is no summary without changes, and a download is preferred", () => {
  expect(summaryOf([], [{ ...download, state: "stopped" }], undefined)).toBeUndefined();
  expect(summaryOf([load], [], undefined)?.words).toBe("Changing…");
  expect(summaryOf([load], [download], undefined)).toEqual({
    state: "running",
    words: "Downloading 42 %",
    spoken: "queen: Downloading: 25 %",
  });
});

it("a failed change is preferred to all others, then a failed download", () => {
  expect(summaryOf([load], [download], "queen")).toMatchObject({ state: "failed", words: "Download failed" });
  expect(summaryOf([{ ...load, state: "failed" }], [download], "queen")).toMatchObject({
    state: "failed",
    words: "Change failed",
  });
});
