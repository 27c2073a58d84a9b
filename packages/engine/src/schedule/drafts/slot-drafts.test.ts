// Tests the guesses of running jobs on the fake backend, on a machine where further rows cost nothing.
import { expect, test } from "vitest";
import type { StepCosts } from "@waggle/protocol";
import {
  expectedText,
  job,
  sampling,
  startEngine,
  submit,
  statsOf,
  type EngineHarness,
} from "../../testing/engine-harness.ts";

const freeRows: StepCosts = {
  threads: [{ threads: 1, decode: [1, 2, 512].map((rows) => ({ rows, ms: 1 })), prompt: [] }],
  context: { row_ms: 0, tile_ms: 0 },
};

function startFree(guesses = true): EngineHarness {
  let ms = 0;
  return startEngine({ stepCosts: freeRows, limits: { guesses }, now: () => (ms += 1) });
}

const prompt = "[cycle:4]";

test.each([17, 18, 40])("an answer with guesses has exactly max_tokens: %i", async (maxTokens) => {
  const { engine, untilJob, textOf } = startFree();
  submit(engine, job("a", prompt, { maxTokens }));
  const { completionTokens, by, rightGuesses = 0 } = await untilJob("a", "finished");
  expect([completionTokens, by]).toEqual([maxTokens, "max_tokens"]);
  expect(textOf("a")).toBe(expectedText(prompt, maxTokens));
  expect(rightGuesses).toBeGreaterThan(0);
});

test("an answer with guesses ends with the context", async () => {
  const { engine, untilJob, textOf } = startFree();
  submit(engine, job("a", prompt, { maxTokens: 1_000 }));
  const { completionTokens, promptTokens, by } = await untilJob("a", "finished");
  expect([completionTokens, by]).toEqual([256 - promptTokens, "context"]);
  expect(textOf("a")).toBe(expectedText(prompt, completionTokens));
});

test("a stop string over several tokens of one step cuts the answer behind the text before it", async () => {
  const { engine, untilJob, textOf } = startFree();
  const text = expectedText(prompt, 100);
  // The text repeats, so only many characters occur first near its end.
  let size = 14;
  while (text.indexOf(text.slice(-size)) < text.length / 2) size += 1;
  const stop = text.slice(-size);
  submit(engine, job("a", prompt, { maxTokens: 200, stop: [stop] }));
  const { by, rightGuesses } = await untilJob("a", "finished");
  expect(by).toBe("stop_string");
  expect(rightGuesses).toBeGreaterThan(0);
  expect(textOf("a")).toBe(text.slice(0, text.indexOf(stop)));
});

test("jobs with different seeds have the texts that they have alone", async () => {
  const { engine, untilJob, textOf } = startFree();
  for (const seed of [1, 2])
    submit(engine, job(`${seed}`, prompt, { maxTokens: 60, sampling: sampling({ temperature: 1, seed }) }));
  for (const seed of [1, 2]) {
    const { rightGuesses } = await untilJob(`${seed}`, "finished");
    expect(rightGuesses).toBeGreaterThan(0);
    expect(textOf(`${seed}`)).toBe(expectedText(prompt, 60, { temperature: 1, seed }));
  }
});

test.each(["job", "engine"])("nothing is guessed where the %s forbids guesses", async (which) => {
  const { engine, events, untilJob } = startFree(which === "job");
  submit(engine, job("a", prompt, { maxTokens: 60, ...(which === "job" ? { guesses: false } : {}) }));
  expect((await untilJob("a", "finished")).guessedTokens).toBeUndefined();
  expect(statsOf(events).every(({ guessed }) => guessed === 0)).toBe(true);
});

test("an earlier answer is used in its own scope only", async () => {
  const { engine, untilJob } = startFree();
  const guessedIn = async (jobId: string, guessScope: string): Promise<number> => {
    submit(engine, { ...job(jobId, "Tell me of bees.", { maxTokens: 40 }), guessScope });
    return (await untilJob(jobId, "finished")).rightGuesses ?? 0;
  };
  await guessedIn("first", "alice");
  expect(await guessedIn("other", "bob")).toBeLessThan(10);
  expect(await guessedIn("same", "alice")).toBeGreaterThan(25);
});

test("the last token of an earlier answer is guessed, too", async () => {
  const { engine, untilJob } = startFree();
  const rightOf = async (jobId: string, maxTokens: number): Promise<number | undefined> => {
    submit(engine, { ...job(jobId, "Tell me of bees.", { maxTokens }), guessScope: "alice" });
    return (await untilJob(jobId, "finished")).rightGuesses;
  };
  await rightOf("first", 4);
  expect(await rightOf("second", 5)).toBe(1);
});
