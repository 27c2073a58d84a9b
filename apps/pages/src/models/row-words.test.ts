// Shows the texts for a model and its work in lists of models.
import type { ModelStatus } from "@waggle/protocol";
import { expect, it } from "vitest";
import { memoryParts } from "./memory-bar.tsx";
import { abilityWords, fileWords, workWords } from "./row-words.ts";
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

it("all used memory has a name, also if the memory of each model is unknown", () => {
  const loaded = modelStatus("bee", { state: "ready" });
  const memory = { weights: 1, kv_cache: 1, compute: 1, process: 1, total: 650, measured: 612 };
  expect(memoryParts([loaded], 900)).toEqual([{ name: "all loaded models", bytes: 900 }]);
  const known = [{ ...loaded, memory }, modelStatus("wasp", { state: "unloaded", memory })];
  expect(memoryParts(known, 900)).toEqual([
    { name: "bee", bytes: 650 },
    { name: "other files", bytes: 250 },
  ]);
  expect(memoryParts(known, 600)).toEqual([{ name: "bee", bytes: 650 }]);
});
