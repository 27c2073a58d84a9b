// Tests what a job's events say about its prompt: how much is computed, how much was cached, and the first text that was not cached.
import { describe, expect, test } from "vitest";
import { differsAt } from "../kv/common-prefix.ts";
import { fakeTokenBytes, tokenizeFake } from "../fake/fake-model.ts";
import type { JobEvent } from "../port/messages.ts";
import { isType, job, startEngine, submit, type EngineHarness, withGenerator } from "../testing/engine-harness.ts";

const startedOf = ({ of }: EngineHarness, jobId: string) => of(jobId).find((event) => event.type === "started");
const progressOf = ({ of }: EngineHarness, jobId: string): Extract<JobEvent, { type: "progress" }>[] =>
  of(jobId).flatMap((event) => (event.type === "progress" ? [event] : []));

async function run(harness: EngineHarness, ...jobs: ReturnType<typeof job>[]): Promise<void> {
  for (const each of jobs) {
    submit(harness.engine, each);
    await harness.untilJob(each.jobId, "finished");
  }
}

describe("the progress of a prompt", () => {
  /** Starts an engine whose passes have at most 16 tokens and take this long. */
  function paced(passMs: number): EngineHarness {
    let ms = 0;
    return startEngine({
      now: () => ms,
      batchSize: 16,
      wrap: withGenerator((generator) => ({
        async step(entries, underway) {
          ms += passMs;
          return await generator.step(entries, underway);
        },
      })),
    });
  }

  test("is sent after each piece of the prompt but the last", async () => {
    const harness = paced(250);
    await run(harness, job("a", "x".repeat(47)));
    expect(progressOf(harness, "a")).toEqual([
      { type: "progress", jobId: "a", processedTokens: 16, promptTokens: 48, cachedTokens: 0, tMs: 250 },
      { type: "progress", jobId: "a", processedTokens: 32, promptTokens: 48, cachedTokens: 0, tMs: 500 },
    ]);
    expect(
      harness
        .of("a")
        .map(({ type }) => type)
        .slice(0, 4),
    ).toEqual(["started", "progress", "progress", "token"]);
  });

  test("is sent at most five times a second", async () => {
    const harness = paced(50);
    await run(harness, job("a", "x".repeat(200)));
    const times = progressOf(harness, "a").map(({ tMs }) => tMs);
    expect(times).toEqual([50, 250, 450]);
  });

  test("counts cached tokens as processed", async () => {
    const harness = paced(250);
    await run(harness, job("a", "x".repeat(40)), job("b", `${"x".repeat(40)}${"y".repeat(40)}`));
    expect(progressOf(harness, "b")[0]).toMatchObject({ processedTokens: 57, promptTokens: 81, cachedTokens: 41 });
  });
});

describe("the first text of a prompt that is not cached", () => {
  test("is sent if the slot held tokens of the same cache scope", async () => {
    const harness = startEngine({ slots: 1 });
    await run(harness, job("a", "System: today is Monday. Hello"), job("b", "System: today is Tuesday. Hello"));
    expect(startedOf(harness, "a")).not.toHaveProperty("differsAt");
    expect(startedOf(harness, "b")).toMatchObject({ cachedTokens: 16, differsAt: "Tuesday. Hello" });
  });

  test("is not sent to a job of another cache scope", async () => {
    const harness = startEngine({ slots: 1 });
    await run(harness, job("a", "Once upon a time"), job("b", "Once upon a day", { cacheScope: "bob" }));
    expect(startedOf(harness, "b")).toMatchObject({ cachedTokens: 0 });
    expect(startedOf(harness, "b")).not.toHaveProperty("differsAt");
  });

  test("has whole characters, at most 80", () => {
    const bytes = (text: string): number[] => tokenizeFake({ kind: "text", text });
    const prompt = bytes(`é${"🐝".repeat(200)}`);
    // The text begins with the second byte of the é.
    expect(differsAt(prompt, 2, fakeTokenBytes)).toMatch(/^🐝+$/u);
    expect([...differsAt(prompt, 2, fakeTokenBytes)].length).toBeLessThanOrEqual(80);
    expect(differsAt(bytes("x".repeat(500)), 1, fakeTokenBytes)).toBe("x".repeat(80));
    const word = (): Uint8Array => new TextEncoder().encode("honey, ");
    expect(differsAt(Array(99).fill(1), 0, word), "the last token cut").toBe("honey, ".repeat(12).slice(0, 80));
    expect(differsAt(prompt, prompt.length, fakeTokenBytes)).toBe("");
  });
});

test("a preflight reports how many tokens of the prompt are cached for the job's scope", async () => {
  const harness = startEngine({ slots: 2 });
  await run(harness, job("a", "A long beginning, and one end"));
  const check = async (jobId: string, cacheScope: string): Promise<number> => {
    harness.engine.handle({ type: "prepare", job: job(jobId, "A long beginning, and another", { cacheScope }) });
    const answer = await harness.until((event): event is Extract<typeof event, { type: "prepared" }> => {
      return isType("prepared")(event) && event.jobId === jobId;
    });
    return answer.cachedTokens;
  };
  expect(await check("b", "alice")).toBeGreaterThan(15);
  expect(await check("c", "bob")).toBe(0);
});
