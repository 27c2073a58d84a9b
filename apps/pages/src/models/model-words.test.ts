// Shows the texts for the progress of a model.
import { expect, it } from "vitest";
import { arrivalWords, progressWords, spokenProgress } from "./model-words.ts";

it("describes progress with its known figures, and in quarters for screen readers", () => {
  const progress = {
    type: "progress" as const,
    stage: "downloading" as const,
    progress: 0.68,
    done_bytes: 812_000_000,
    total_bytes: 1_200_000_000,
    bytes_per_second: 12_000_000,
    eta_ms: 32_300,
    part: 2,
    parts: 3,
  };
  expect(progressWords(progress)).toBe("Downloading part 2 of 3 · 68 % · 812 MB of 1.2 GB · 12.0 MB/s · 33 s left");
  expect(progressWords({ type: "progress", stage: "asking" })).toBe("Looking up the files");
  expect(progressWords({ type: "progress", stage: "downloading", done_bytes: 5_000 })).toBe("Downloading · 5.0 kB");
  expect(spokenProgress(progress)).toBe("Downloading part 2 of 3: 50 %");
  expect(spokenProgress({ type: "progress", stage: "waiting" })).toBe("Waiting for memory…");
});

it("describes the wait for a model that is loading, and is undefined otherwise", () => {
  const words = (["unloaded", "waiting", "downloading", "loading", "ready", "failed"] as const).map((state) =>
    arrivalWords({ name: "m", state, ...(state === "loading" ? { progress: 0.429 } : {}) }),
  );
  expect(words).toEqual([
    undefined,
    "Waiting for memory for m…",
    "Downloading m…",
    "Loading m (42 %)…",
    undefined,
    undefined,
  ]);
});
