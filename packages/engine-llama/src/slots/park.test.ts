// Tests that parked jobs return with their answers, on a real model.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parkContract } from "@waggle/testing";
import { afterAll } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend } from "../load/load.ts";

const statesFolder = mkdtempSync(join(tmpdir(), "waggle-park-"));
afterAll(() => rmSync(statesFolder, { recursive: true }));

const cpu = { slots: 2, batchSize: 128, threads: 1, device: "cpu" } as const;
const made = () => loadLlamaBackend({ ...cpu, modelPath: storyModel, contextSize: 256, statesFolder });
parkContract("llama", made, { places: [0.1, 0.6] });
