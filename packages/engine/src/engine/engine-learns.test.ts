// Tests that the step loop uses the measured times of its passes. Tests of the decisions are next to the modules in costs/.
import { expect, test } from "vitest";
import type { StepCosts } from "@waggle/protocol";
import type { KvSnapshots } from "../port/kv.ts";
import type { BatchEntry } from "../port/steps.ts";
import { tokenizeFake } from "../fake/fake-model.ts";
import { createFakeKvSnapshots } from "../testing/fake-kv-snapshots.ts";
import {
  expectedText,
  job,
  startEngine,
  submit,
  statsOf,
  type EngineHarness,
  withGenerator,
} from "../testing/engine-harness.ts";

/** Starts an engine whose passes take `passMs`; all other work takes no time. */
function startTimed(passMs: (entries: readonly BatchEntry[]) => number, stepCosts?: StepCosts): EngineHarness {
  let ms = 0;
  return startEngine({
    slots: 3,
    contextSize: 1_024,
    now: () => ms,
    stepCosts,
    wrap: withGenerator((generator) => ({
      async step(entries, underway) {
        const results = await generator.step(entries, underway);
        ms += passMs(entries);
        return results;
      },
    })),
  });
}

const promptTokens = (entries: readonly BatchEntry[]): number =>
  entries.reduce((sum, { tokens }) => sum + (tokens.length > 1 ? tokens.length : 0), 0);

test("two slots are computed one after the other when measured faster, and each job has the text that it would have alone", async () => {
  const orders: (readonly number[])[] = [];
  const decode = [1, 2].map((rows) => ({ rows, ms: rows === 1 ? 10 : 30 }));
  const harness = startTimed(
    (entries) => {
      orders.push(entries.map(({ slot }) => slot));
      return 10 * entries.length;
    },
    { threads: [{ threads: 1, decode, prompt: [] }], context: { row_ms: 0, tile_ms: 0 } },
  );
  for (const name of ["a", "b"]) submit(harness.engine, job(name, name, { maxTokens: 200 }));
  await Promise.all(["a", "b"].map((name) => harness.untilJob(name, "finished")));
  const both = orders.filter(({ length }) => length === 2);
  expect(both.length).toBeGreaterThan(150);
  // Neighbours in ascending order would be one matrix.
  expect(both.filter(([first = 0, second = 0]) => first < second)).toEqual([]);
  for (const name of ["a", "b"]) expect(harness.textOf(name)).toBe(expectedText(name, 200));
});

test("the chunks of a new prompt depend on the measured times of passes", async () => {
  const largestChunk = async (tokenMs: number): Promise<number> => {
    const harness = startTimed(
      (entries) => (entries.some(({ tokens }) => tokens.length === 1) ? 100 : 0) + tokenMs * promptTokens(entries),
    );
    const { engine } = harness;
    for (const name of ["a", "b"]) {
      submit(engine, job(name, `Bee ${name}. `.repeat(20), { maxTokens: 90 }));
    }
    for (const name of ["a", "b"]) await harness.untilJob(name, "token");
    submit(engine, job("c", "One more bee and one more flower. ".repeat(25)));
    await harness.untilJob("c", "finished");
    const mixed = statsOf(harness.events).filter(({ decodeRows, tokens }) => decodeRows === 2 && tokens > 3);
    expect(mixed.length).toBeGreaterThan(0);
    return Math.max(...mixed.map(({ tokens }) => tokens - 2));
  };
  // Next to streams whose rows take 100 ms, two or three tiles of 4 ms tokens are nearly as cheap as more.
  expect(await largestChunk(4)).toBeLessThanOrEqual(192);
  expect(await largestChunk(0.1)).toBeGreaterThan(200);
});

test("the log says once what the operator's bound costs prompts, and nothing without a bound that costs", async () => {
  const stepCosts: StepCosts = {
    threads: [
      {
        threads: 1,
        decode: [{ rows: 1, ms: 50 }],
        prompt: [1, 64, 512].map((tokens) => ({ tokens, ms: 60 + 2 * tokens })),
      },
    ],
    context: { row_ms: 0, tile_ms: 0 },
  };
  const warnings = async (maxTokenGapMs: number | undefined): Promise<readonly string[]> => {
    const harness = startEngine({ stepCosts, limits: { maxTokenGapMs } });
    await harness.run(job("a", "Hello"));
    return harness.events.flatMap((event) => (event.type === "log" ? [event.message] : []));
  };
  expect(await warnings(120)).toEqual([
    expect.stringMatching(/^With a token gap of 120 ms, prompts are read \d+\.\d times more slowly after 4000 tokens/),
  ]);
  expect(await warnings(2_000)).toEqual([]);
  expect(await warnings(undefined)).toEqual([]);
});

test("a slot is saved even if a short turn added few tokens, because a token costs more in a small chunk", async () => {
  let ms = 0;
  const slowly = (states: KvSnapshots): KvSnapshots => ({
    ...states,
    async save(...what) {
      ms += 40;
      return await states.save(...what);
    },
    async load(...what) {
      ms += 40;
      return await states.load(...what);
    },
  });
  const harness = startEngine({
    slots: 1,
    contextSize: 1_024,
    saved: createFakeKvSnapshots(),
    now: () => ms,
    wrap: withGenerator((generator) => ({
      states: generator.states === undefined ? undefined : slowly(generator.states),
      async step(entries, underway) {
        const tokens = promptTokens(entries);
        ms += 10 + (tokens < 64 ? 10 : 1) * tokens;
        return await generator.step(entries, underway);
      },
    })),
  });
  const cachedOf = async (name: string, prompt: string): Promise<number> => {
    await harness.run(job(name, prompt));
    return (await harness.untilJob(name, "started")).cachedTokens;
  };
  // The last token is not counted, because the tokenizer may merge it with the text behind it.
  const count = (text: string): number => tokenizeFake({ kind: "text", text }).length - 1;
  const others = "Another bee, another flower. ".repeat(8);
  const first = "The hive is warm and the bees are many. ".repeat(5);
  const second = `${first}${expectedText(first, 8)} And then? And then?`;
  await cachedOf("short", "A few words.");
  await cachedOf("first", first);
  await cachedOf("other1", others);
  expect(await cachedOf("second", second)).toBeGreaterThanOrEqual(count(first));
  await cachedOf("other2", others);
  const third = `${second}${expectedText(second, 8)} Go up.`;
  expect(await cachedOf("third", third)).toBeGreaterThanOrEqual(count(second));
});
