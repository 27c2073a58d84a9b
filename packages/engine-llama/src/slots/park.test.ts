// Tests that parked jobs return with their answers, on a real model.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parkContract } from "@waggle/testing";
import { describe } from "vitest";
import { describeBindings, loadOn } from "../testing/bindings.ts";
import { storyModel } from "../testing/story-model.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-park-"));

const cpu = { modelPath: storyModel, slots: 2, contextSize: 256, batchSize: 128, threads: 1, device: "cpu" } as const;

describeBindings((binding) => {
  describe.each(["on", "off"] as const)("with flash attention %s", (flashAttention) => {
    const options = { ...cpu, flashAttention, statesFolder: join(folder, binding, flashAttention) };
    parkContract("llama", () => loadOn(binding, options), { places: [0.1, 0.6] });
  });
});
