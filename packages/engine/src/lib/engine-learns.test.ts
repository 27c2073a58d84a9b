// That the step loop uses what it learns from the times of its passes; the decisions themselves are tested beside their modules.
import { expect, test } from "vitest";
import type { StepRow } from "./backend.ts";
import { expectedText, job, startEngine, statsOf, type EngineHarness } from "../testing/engine-harness.ts";

/** An engine whose passes take what `passMs` says; nothing else takes time. */
function startTimed(passMs: (rows: readonly StepRow[]) => number): EngineHarness {
  let ms = 0;
  return startEngine({
    slots: 3,
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

test("a newcomer's prompt gets what the running streams can bear, by the times of real passes", async () => {
  const largestChunk = async (tokenMs: number): Promise<number> => {
    const harness = startTimed((rows) => 100 + tokenMs * promptTokens(rows));
    const { engine } = harness;
    for (const name of ["a", "b"]) {
      engine.handle({ type: "submit", job: job(name, `Bee ${name}. `.repeat(20), { maxTokens: 90 }) });
    }
    for (const name of ["a", "b"]) await harness.untilJob(name, "token");
    engine.handle({ type: "submit", job: job("c", "One more bee and one more flower. ".repeat(25)) });
    await harness.untilJob("c", "finished");
    const mixed = statsOf(harness.events).filter(({ decodeRows, tokens }) => decodeRows === 2 && tokens > 3);
    expect(mixed.length).toBeGreaterThan(0);
    return Math.max(...mixed.map(({ tokens }) => tokens - 2));
  };
  expect(await largestChunk(4)).toBeLessThanOrEqual(50 * 1.125);
  expect(await largestChunk(0.5)).toBeGreaterThan(200);
});
