// Tests slots that are lent to a decide job, in the whole engine.
import { lanePriority } from "@waggle/protocol";
import { expect, test } from "vitest";
import type { BatchEntry } from "../port/steps.ts";
import {
  decideJob,
  expectedText,
  job,
  startEngine,
  statsOf,
  submit,
  withGenerator,
  type EngineHarness,
  type EngineHarnessOptions,
} from "../testing/engine-harness.ts";
import { expectScores } from "../testing/expect-scores.ts";

const state = "The hive is warm and the bees are many. ".repeat(30);
const questions = Object.fromEntries(
  Array.from({ length: 9 }, (_, i) => [`${i} is the question${"?".repeat(i % 3)}`, [["A"], ["B"], [`${i}`]]]),
);

/** A pass takes a millisecond for each token, and a copy takes no time. */
function start(options: EngineHarnessOptions = {}): EngineHarness & { readonly steps: (readonly BatchEntry[])[] } {
  let ms = 0;
  const steps: (readonly BatchEntry[])[] = [];
  const harness = startEngine({
    ...{ slots: 4, contextSize: 2_048, copies: true, now: () => (ms += 0.01) },
    ...options,
    wrap: withGenerator((generator) => ({
      async step(entries, underway) {
        steps.push(entries);
        for (const { tokens } of entries) ms += tokens.length;
        return await generator.step(entries, underway);
      },
    })),
  });
  return { ...harness, steps };
}

const idsOf = (entries: readonly BatchEntry[]): number[] => entries.map(({ slot }) => slot);

test("computes several readings as one matrix, with the results in order", async () => {
  const harness = start();
  const decide = decideJob("d", state, questions);
  submit(harness.engine, decide);
  const { promptTokens } = await harness.untilJob("d", "finished");
  expectScores(harness, decide);
  expect(harness.of("d").filter(({ type }) => type === "started" || type === "finished")).toHaveLength(2);
  const shared = harness.steps.filter(({ length }) => length > 1);
  expect(shared.map(idsOf)).toContainEqual([0, 1, 2, 3]);
  for (const entries of shared) expect(new Set(entries.map(({ tokens }) => tokens.length)).size).toBe(1);
  const computed = statsOf(harness.events).reduce((sum, { tokens }) => sum + tokens, 0);
  expect(computed - promptTokens, "at most the marks that other questions have more").toBeLessThanOrEqual(9 * 2);
  expect(harness.engine.busySlots).toBe(0);
});

test("20 questions of 80 tokens behind a state of 2,000 take 3,600 tokens", async () => {
  const harness = start({ contextSize: 4_096 });
  const text = (i: number): string => String.fromCharCode(65 + i) + "?".repeat(77);
  const asked = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [text(i), [["A"], ["B"]]]));
  submit(harness.engine, decideJob("d", "?".repeat(1_998), asked));
  const { promptTokens } = await harness.untilJob("d", "finished");
  const computed = statsOf(harness.events).reduce((sum, { tokens }) => sum + tokens, 0);
  expect([promptTokens, computed]).toEqual([3_600, 3_600]);
});

test("computes a small matrix of readings in a step that has room for one", async () => {
  const harness = start({ limits: { prefillBudget: 24 } });
  const decide = decideJob("d", state, questions);
  submit(harness.engine, decide);
  await harness.untilJob("d", "finished");
  expectScores(harness, decide);
  const shared = harness.steps.filter(({ length }) => length > 1);
  expect(shared.map(idsOf)).toContainEqual([0, 1, 2, 3]);
  for (const entries of shared) expect(new Set(entries.map(({ tokens }) => tokens.length)).size).toBe(1);
});

test("a step with a stream has no matrix of readings", async () => {
  const harness = start({ limits: { prefillBudget: 24 } });
  const long = job("s", "x".repeat(1_200), { maxTokens: 60 });
  submit(harness.engine, long);
  await harness.untilJob("s", "progress");
  const many = Object.fromEntries(
    Array.from({ length: 99 }, (_, i) => [`${String.fromCharCode(256 + i)}${"?".repeat(12)}`, [["A"], ["B"]]]),
  );
  submit(harness.engine, decideJob("d", state, many));
  await harness.untilJob("s", "finished");
  await harness.untilJob("d", "finished");
  const tokensOf = (entries: readonly BatchEntry[]): number =>
    entries.reduce((sum, { tokens, passing }) => sum + (passing === true ? tokens.length : 0), 0);
  const decodes = harness.steps.map((entries) => entries.some(({ sample }) => sample));
  expect(Math.max(...harness.steps.filter((_, i) => decodes[i] === false).map(tokensOf))).toBeGreaterThan(24);
  // The step that ends the prompt has no stream yet.
  const [, ...next] = harness.steps.filter((_, i) => decodes[i] === true);
  expect([Math.max(...next.map(tokensOf)), next.length]).toEqual([24, 59]);
});

test.each([
  ["a job that waits gets a lent slot at the next scheduling point", 0, 2],
  ["a lane job that waits gets no lent slot of a foreground job", lanePriority, 4],
])("%s", async (_, priority, slots) => {
  const harness = start({ gated: true });
  submit(harness.engine, decideJob("d", state, questions));
  while (harness.steps.at(-1)?.length !== 4) {
    await harness.gate.held();
    if (harness.steps.at(-1)?.length !== 4) harness.gate.step();
  }
  submit(harness.engine, job("s", "Hello", { maxTokens: 4, priority }));
  const { length } = harness.steps;
  harness.gate.step();
  while (harness.steps.length === length) await harness.gate.held();
  expect(
    harness.steps.at(-1)?.map(({ tokens }) => tokens.length),
    "the slots of the decide job, and the prompt",
  ).toHaveLength(slots);
  harness.gate.open();
  await harness.untilJob("s", "finished");
  await harness.untilJob("d", "finished");
  expectScores(harness, decideJob("d", state, questions));
  expect(harness.textOf("s")).toBe(expectedText("Hello", 4));
});

test("a cancel frees the lent slots too", async () => {
  const harness = start({ gated: true });
  submit(harness.engine, decideJob("d", state, questions));
  while (harness.steps.at(-1)?.length !== 4) {
    await harness.gate.held();
    if (harness.steps.at(-1)?.length !== 4) harness.gate.step();
  }
  harness.engine.handle({ type: "cancel", jobId: "d" });
  harness.gate.open();
  expect(await harness.untilJob("d", "cancelled")).toMatchObject({ steps: 1 });
  expect(harness.engine.busySlots).toBe(0);
  await harness.run(job("s", "Hello"));
  expect(harness.engine.busySlots).toBe(0);
  expect(harness.of("d").filter(({ type }) => type === "cancelled" || type === "finished")).toHaveLength(1);
});

test("no slot is lent that holds what another job may use, without room, or where copies do not pay", async () => {
  const small = start({ contextSize: 1_024, contextPool: 1_024 });
  submit(small.engine, decideJob("d", state, questions));
  await small.untilJob("d", "finished");
  expect(
    small.steps.every(({ length }) => length === 1),
    "without room",
  ).toBe(true);

  const warm = start({ limits: { prefixStoreBytes: 0 } });
  for (const name of ["a", "b", "c"]) submit(warm.engine, job(name, `${name} hums.`, { maxTokens: 4 }));
  await Promise.all(["a", "b", "c"].map((name) => warm.untilJob(name, "finished")));
  const { length } = warm.steps;
  submit(warm.engine, decideJob("d", state, questions));
  await warm.untilJob("d", "finished");
  expect(
    warm.steps.slice(length).every((entries) => entries.length === 1),
    "with caches of other jobs",
  ).toBe(true);
});
