// That the step loop uses what it learns from the times of its passes; the decisions themselves are tested beside their modules.
import { expect, test } from "vitest";
import type { StepRow } from "./backend.ts";
import { expectedText, job, startEngine, statsOf, type EngineHarness } from "../testing/engine-harness.ts";

/** An engine whose passes take what `passMs` says; nothing else takes time. */
function startTimed(passMs: (rows: readonly StepRow[]) => number): EngineHarness {
  let ms = 0;
  return startEngine({
    contextSize: 1_024,
    now: () => ms,
    wrap: (fake) => ({
      ...fake,
      async step(rows, underway) {
        const results = await fake.step(rows, underway);
        ms += passMs(rows);
        return results;
      },
    }),
  });
}

const promptTokens = (rows: readonly StepRow[]): number =>
  rows.reduce((sum, row) => sum + (row.kind === "prefill" ? row.tokens.length : 0), 0);

test("two slots take turns once that was measured to be faster, and say what they say together", async () => {
  const harness = startTimed((rows) => (rows.length === 1 ? 10 : 30));
  for (const name of ["a", "b"]) harness.engine.handle({ type: "submit", job: job(name, name, { maxTokens: 200 }) });
  await Promise.all(["a", "b"].map((name) => harness.untilJob(name, "finished")));
  const widths = statsOf(harness.events).map(({ width }) => width);
  expect(widths.slice(0, 60).filter((width) => width === 1).length).toBeLessThan(5);
  // A trial of three steps together comes again, ever more rarely.
  const later = widths.slice(80);
  expect(later.length).toBeGreaterThan(200);
  expect(later.filter((width) => width === 2).length).toBeLessThan(10);
  for (const name of ["a", "b"]) expect(harness.textOf(name)).toBe(expectedText(name, 200));
});

test("a newcomer's prompt gets what the running stream can bear, by the times of real passes", async () => {
  const largestChunk = async (tokenMs: number): Promise<number> => {
    const harness = startTimed((rows) => 100 + tokenMs * promptTokens(rows));
    const { engine } = harness;
    engine.handle({ type: "submit", job: job("a", "A bee. ".repeat(20), { maxTokens: 60 }) });
    await harness.untilJob("a", "token");
    engine.handle({ type: "submit", job: job("b", "One more bee and one more flower. ".repeat(25)) });
    await harness.untilJob("b", "finished");
    const mixed = statsOf(harness.events).filter(({ decodeRows, tokens }) => decodeRows === 1 && tokens > 1);
    expect(mixed.length).toBeGreaterThan(0);
    return Math.max(...mixed.map(({ tokens }) => tokens - 1));
  };
  expect(await largestChunk(4)).toBeLessThanOrEqual(65 * 1.125);
  expect(await largestChunk(0.5)).toBeGreaterThan(200);
});
