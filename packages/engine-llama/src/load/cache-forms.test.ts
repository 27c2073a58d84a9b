// Tests the forms of a KV cache that slots share: the same tokens in each form, more tokens in a slot than its part, and memory only for used cells.
import { readFileSync } from "node:fs";
import { entryTokens } from "@waggle/engine";
import type { SlotSampling, Token } from "@waggle/engine";
import { driveSlots, type DrivenBackend } from "@waggle/engine/testing";
import { SamplingSchema } from "@waggle/protocol";
import { needs } from "@waggle/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { generate } from "../testing/generate.ts";
import { storyModel } from "../testing/story-model.ts";
import type { CacheForm } from "./context.ts";
import { loadLlamaBackend } from "./load.ts";

const sampling: SlotSampling = { ...SamplingSchema.parse({ temperature: 0.9, ignore_eos: true }), seed: 7 };
const story = "Once upon a time there was a little bee. One day the bee went to the garden to look for honey. ";

interface Opened {
  readonly slots?: number;
  readonly contextSize?: number;
  readonly contextPool?: number;
  readonly flashAttention?: "on" | "off";
}

async function open(cacheForm: CacheForm, opened: Opened = {}): Promise<DrivenBackend> {
  const options = {
    modelPath: storyModel,
    slots: 4,
    contextSize: 512,
    contextPool: 512,
    threads: 1,
    device: "cpu",
  } as const;
  const backend = driveSlots(await loadLlamaBackend({ ...options, flashAttention: "on", ...opened, cacheForm }));
  onTestFinished(() => backend.dispose());
  return backend;
}

const answer = async (backend: DrivenBackend, slot: number, prompt: readonly Token[], count: number) =>
  (await generate(backend, { slot, prompt, sampling, count, chunk: 128 })).tokens;

/** Resident memory of this process in bytes. */
function residentBytes(): number {
  const [, kilobytes = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kilobytes) * 1_024;
}

describe("a KV cache", needs("Waggle's addon"), () => {
  test.each([
    ["reserved", "on"],
    ["unified", "on"],
    ["separate", "on"],
    ["reserved", "off"],
  ] as const)("has the same tokens if it is %s, with flash attention %s", async (form, flashAttention) => {
    const backend = await open(form, { slots: 2, contextSize: 256, flashAttention });
    const alone = await open("separate", { slots: 1, contextSize: 256, flashAttention });
    const tokens = entryTokens((await backend.tokenize({ kind: "text", text: story })).entries);
    const expected = await answer(alone, 0, tokens, 40);
    await answer(backend, 0, [...tokens, ...tokens], 5);
    expect(await answer(backend, 1, tokens, 40)).toEqual(expected);
    expect(backend.oneMatrix).toBe(form === "unified");
  });

  test.each([
    ["reserved", "on"],
    ["unified", "on"],
    ["reserved", "off"],
  ] as const)("lets one slot use the whole pool if it is %s, with flash attention %s", async (form, flashAttention) => {
    const backend = await open(form, { flashAttention });
    expect(backend.info).toMatchObject({ contextSize: 512, contextPool: 512, slots: 4 });
    expect(backend.embedder?.maxTokens, "a text has room in one slot's part of the pool").toBe(127);
    const tokens = entryTokens((await backend.tokenize({ kind: "text", text: story.repeat(30) })).entries);
    await expect(answer(backend, 3, tokens.slice(0, 480), 30)).resolves.toHaveLength(30);
  });

  test("takes memory for used cells only, and gives it back", needs("Linux"), async () => {
    const bytesPerCell = 6 * 2 * 64 * 2;
    const [slots, size, used] = [64, 512, 480];
    const backend = await open("reserved", { slots, contextSize: size });
    const opened = residentBytes();
    const tokens = entryTokens((await backend.tokenize({ kind: "text", text: story.repeat(30) })).entries);
    await answer(backend, 0, tokens.slice(0, used), 1);
    for (let slot = 1; slot < slots; slot++) await backend.copy?.(0, slot, used);
    const filled = residentBytes();
    const usedBytes = slots * used * bytesPerCell;
    expect(filled - opened).toBeGreaterThan(usedBytes * 0.8);
    for (let slot = 1; slot < slots; slot++) await backend.cut(slot, 100);
    expect(filled - residentBytes()).toBeGreaterThan(usedBytes * 0.6);
  });

  test("limits the pieces of prompts after a long context where scores take memory", async () => {
    const facts = async (flashAttention: "on" | "off") => {
      const backend = await open("reserved", { flashAttention });
      return [backend.attentionTile, backend.mostBehind?.(0), backend.mostBehind?.(100_000)];
    };
    expect(await facts("on")).toEqual([64, undefined, undefined]);
    expect(await facts("off")).toEqual([8, 4_096, 64]);
  });

  test("takes memory in pages of 2,048 cells without flash attention, and gives it back", needs("Linux"), async () => {
    const bytesPerCell = 6 * 64 * 2;
    const [slots, used] = [32, 2_060];
    const backend = await open("reserved", { slots, contextSize: 4_096, contextPool: 131_072, flashAttention: "off" });
    const opened = residentBytes();
    const tokens = entryTokens((await backend.tokenize({ kind: "text", text: story.repeat(120) })).entries);
    await answer(backend, 0, tokens.slice(0, used), 1);
    for (let slot = 1; slot < slots; slot++) await backend.copy?.(0, slot, used);
    const filled = residentBytes();
    // Each slot has a second page of each channel, for 12 cells.
    const keyBytes = slots * used * bytesPerCell;
    const pageBytes = slots * 2_048 * bytesPerCell;
    expect(filled - opened).toBeGreaterThan(0.9 * (keyBytes + 2 * pageBytes));
    for (let slot = 1; slot < slots; slot++) await backend.cut(slot, 2_040);
    const cut = residentBytes();
    expect(filled - cut, "the second pages, and hardly any keys").toBeGreaterThan(0.8 * pageBytes);
    expect(filled - cut).toBeLessThan(1.2 * pageBytes);
    for (let slot = 1; slot < slots; slot++) await backend.cut(slot, 0);
    expect(cut - residentBytes(), "the rest").toBeGreaterThan(0.8 * (keyBytes + pageBytes));
  });
});
