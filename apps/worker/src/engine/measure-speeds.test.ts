import { createFakeBackend, type Backend, type BatchEntry } from "@waggle/engine";
import { expect, it } from "vitest";
import { measureSpeeds } from "./measure-speeds.ts";

/** A fake backend whose steps take 10 ms, 1 ms for each further row, and half a millisecond for each token of a prompt, divided by the threads. */
function timedBackend(slots: number, contextSize = 2_048) {
  const backend = createFakeBackend({ slots, contextSize, contextPool: slots * contextSize });
  const { generator } = backend;
  if (generator === undefined) throw new Error("no generator");
  let nowMs = 0;
  let threads = 1;
  const steps: (readonly BatchEntry[])[] = [];
  const timed: Backend = {
    ...backend,
    setThreads: (count) => void (threads = count),
    generator: {
      ...generator,
      async step(entries) {
        steps.push(entries);
        const prompt = entries.reduce((sum, { tokens }) => sum + (tokens.length > 1 ? tokens.length : 0), 0);
        nowMs += (prompt === 0 ? 9 + entries.length : prompt / 2) / threads;
        return await generator.step(entries);
      },
    },
  };
  return { backend: timed, steps, now: () => nowMs };
}

it("measures a prompt, one stream and all slots, with each number of threads", async () => {
  const { backend, now, steps } = timedBackend(4);
  const shares: number[] = [];
  const measured = await measureSpeeds(backend, { threads: [1, 2], promptTokens: 1_000 }, now, (share) =>
    shares.push(share),
  );
  expect(measured).toMatchObject({ slots: 4, promptTokens: 1_000 });
  const [one, two] = measured.speeds;
  expect(one).toEqual({ threads: 1, prompt: 2_000, one: 100, all: expect.closeTo(4_000 / 13) as number });
  expect(two).toEqual({ threads: 2, prompt: 4_000, one: 200, all: expect.closeTo(8_000 / 13) as number });
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
  expect(Math.max(...steps.map((entries) => entries.reduce((sum, { tokens }) => sum + tokens.length, 0)))).toBe(
    backend.info.batchSize,
  );
});

it("reads a shorter prompt where the context is short, and on a slow machine", async () => {
  const short = timedBackend(2, 256);
  const plan = { threads: [1], promptTokens: 1_000 };
  const { promptTokens } = await measureSpeeds(short.backend, plan, short.now, () => {});
  expect(promptTokens).toBeGreaterThan(100);
  expect(promptTokens).toBeLessThan(256);

  const slow = timedBackend(2, 16_384);
  const measured = await measureSpeeds(
    slow.backend,
    { threads: [1, 2], promptTokens: 40_000 },
    () => 40 * slow.now(),
    () => {},
  );
  expect(measured.promptTokens).toBeLessThan(2_000);
  expect(measured.speeds.map(({ prompt }) => prompt)).toEqual([50, 100]);
});

it("refuses a model that generates no text, and a context without room", async () => {
  const { backend, now } = timedBackend(2, 48);
  const plan = { threads: [1], promptTokens: 100 };
  await expect(measureSpeeds(backend, plan, now, () => {})).rejects.toThrow(/too short/);
  await expect(measureSpeeds({ ...backend, generator: undefined }, plan, now, () => {})).rejects.toThrow(
    /does not generate/,
  );
});
