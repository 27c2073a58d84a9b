import { copyFileSync, mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entryTokens } from "@waggle/engine";
import type { KvSnapshot } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { statesContract } from "@waggle/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { generate } from "../testing/generate.ts";
import { storyModel } from "../testing/story-model.ts";
import { loadLlamaBackend } from "../load/load.ts";
import type { KvFiles } from "./kv-files.ts";
import { createKvSnapshots } from "./kv-snapshots.ts";

const folder = mkdtempSync(join(tmpdir(), "kv-snapshots-"));

const options = { modelPath: storyModel, slots: 3, contextSize: 256, threads: 1, device: "cpu" } as const;
const greedy = { ...SamplingSchema.parse({ temperature: 0 }), seed: 1 };

describe.each(["on", "off"] as const)("with flash attention %s", (flashAttention) => {
  const statesFolder = join(folder, `contract-${flashAttention}`);
  statesContract("the llama backend", () => loadLlamaBackend({ ...options, flashAttention, statesFolder }));
});

async function load(given: { statesFolder: string; modelPath?: string; contextSize?: number }): Promise<DrivenBackend> {
  const backend = driveSlots(await loadLlamaBackend({ ...options, ...given }));
  onTestFinished(() => backend.dispose());
  return backend;
}

/** Computes a prompt in slot 0, and saves it. */
async function saveStory(backend: DrivenBackend): Promise<KvSnapshot> {
  const prompt = entryTokens(
    (
      await backend.tokenize({
        kind: "text",
        text: "Once upon a time there was a little bee in a big garden",
      })
    ).entries,
  );
  await generate(backend, { slot: 0, prompt, sampling: greedy, count: 1 });
  const state = await backend.states?.save(0, prompt, "alice");
  if (state === undefined) throw new Error("no states");
  return state;
}

function filesIn(statesFolder: string): string[] {
  return readdirSync(statesFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("KV snapshots of the llama backend", () => {
  test("are only readable for their user", async () => {
    const statesFolder = join(folder, "modes");
    const backend = await load({ statesFolder });
    await saveStory(backend);
    await backend.dispose();
    const files = filesIn(statesFolder);
    expect(files.map((file) => file.replace(/.*\./, "")).sort()).toEqual(["json", "kv"]);
    for (const file of files) expect(statSync(file).mode & 0o777, file).toBe(0o600);
    const [model = ""] = readdirSync(statesFolder);
    expect(statSync(join(statesFolder, model)).mode & 0o777).toBe(0o700);
  });

  test("of a model file are not offered to another model file", async () => {
    const statesFolder = join(folder, "foreign");
    const backend = await load({ statesFolder });
    const state = await saveStory(backend);
    await backend.dispose();
    expect((await load({ statesFolder })).states?.found).toEqual([state]);
    const copy = join(folder, "copy.gguf");
    copyFileSync(storyModel, copy);
    expect((await load({ statesFolder, modelPath: copy })).states?.found).toEqual([]);
    expect((await load({ statesFolder })).states?.found).toEqual([state]);
  });

  test("that are longer than the context are ignored, but stay for workers with a larger context", async () => {
    const statesFolder = join(folder, "long");
    const backend = await load({ statesFolder });
    const state = await saveStory(backend);
    await backend.dispose();
    const contextSize = state.entries.length;
    expect((await load({ statesFolder, contextSize })).states?.found).toEqual([]);
    expect((await load({ statesFolder, contextSize: contextSize + 1 })).states?.found).toEqual([state]);
  });

  test("are not saved if the folder cannot be made, but the backend starts", async () => {
    const occupied = join(folder, "occupied");
    writeFileSync(occupied, "");
    const log: string[] = [];
    const backend = await loadLlamaBackend({ ...options, statesFolder: occupied, log: (_, line) => log.push(line) });
    onTestFinished(() => backend.dispose());
    expect(backend.generator?.states).toBeUndefined();
    expect(log).toContainEqual(expect.stringMatching(/^Prefixes are not kept: /));
  });
});

test("a slot holds exactly the tokens of a snapshot, and files with others or with damage are removed", async () => {
  const erased: number[][] = [];
  const passes = {
    load: async () => [1, 2, 3, 4],
    save: async () => 0,
    erase: async (...range: number[]) => erased.push(range),
  };
  const removed: string[] = [];
  const isSound = async ({ id }: KvSnapshot) => id === "file";
  const remove = ({ id }: KvSnapshot) => void removed.push(id);
  const files = { found: [], isSound, pathOf: (id: string) => id, remove };
  const states = createKvSnapshots(passes, files as unknown as KvFiles, 8);
  const snapshot = { id: "file", chunks: [], cacheScope: "alice", bytes: 1 };
  expect(await states.load(0, { ...snapshot, entries: [1, 2] })).toBe(true);
  expect(erased).toEqual([[0, 2, 2]]);
  expect(await states.load(0, { ...snapshot, entries: [1, 3] })).toBe(false);
  expect(await states.load(0, { ...snapshot, id: "damaged", entries: [1, 2] })).toBe(false);
  expect(removed).toEqual(["file", "damaged"]);
});
