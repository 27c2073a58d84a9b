// Shows the texts for models, their memory and their progress.
import type { ModelStatus } from "@waggle/protocol";
import { expect, it } from "vitest";
import { abilityWords, arrivalWords, progressWords, fileWords, spokenProgress, workWords } from "./model-words.ts";
import { modelStatus } from "./testing/model-status.ts";

it("lists a model's known abilities", () => {
  const chat = { format: "derived", parallel_tool_calls: true, switches: [], template_variables: [] };
  expect(abilityWords({ kind: "embed" })).toEqual(["embeds texts"]);
  expect(abilityWords({ kind: "rerank" })).toEqual(["ranks texts"]);
  expect(abilityWords({})).toEqual([]);
  const vision = { projector: "eye", bytes: 1, max_pixels: 1 };
  expect(
    abilityWords({ kind: "generate", chat: { ...chat, tools: true, thinking: "switchable" }, vision, infill: true }),
  ).toEqual(["chat", "tools", "thinking", "pictures", "infill"]);
  expect(abilityWords({ kind: "generate", chat: { ...chat, tools: false, thinking: "never" } })).toEqual(["chat"]);
});

it("names a model's file and source", () => {
  expect(fileWords(modelStatus("m"))).toBe("in the models folder");
  const file = { source: "download", reference: "hf:a/b:Q4_0", file: "b.gguf", quantization: "Q4_0" } as const;
  expect(fileWords(modelStatus("m", file))).toBe("b.gguf · Q4_0 · downloaded from hf:a/b:Q4_0");
});

it.each<[string, Partial<ModelStatus>]>([
  ["pinned: stays loaded", { pinned: true, keep_alive_s: null }],
  ["unloads in 90 s", { expires_at: "2026-11-20T10:01:30.000Z" }],
  ["stays until its memory is needed", { keep_alive_s: null }],
  ["unloads after its last job", { keep_alive_s: 0 }],
  ["stays 5 min after its last job", { keep_alive_s: 300 }],
])("a model %s", (words, more) => {
  expect(workWords(modelStatus("m", more), Date.parse("2026-11-20T10:00:00.000Z"))).toBe(words);
});

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
