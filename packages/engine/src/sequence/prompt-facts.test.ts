// Tests the facts about a prompt that its job gets: how much is computed, how much was cached, and where it left the cache.
import { describe, expect, test } from "vitest";
import { differsAt } from "../kv/common-prefix.ts";
import { fakeTokenBytes, tokenizeFake } from "../fake/fake-model.ts";
import type { JobEvent } from "../port/messages.ts";
import { isType, job, startEngine, type EngineHarness } from "../testing/engine-harness.ts";

const startedOf = ({ of }: EngineHarness, jobId: string) => of(jobId).find((event) => event.type === "started");
const progressOf = ({ of }: EngineHarness, jobId: string): Extract<JobEvent, { type: "progress" }>[] =>
  of(jobId).flatMap((event) => (event.type === "progress" ? [event] : []));

async function run(harness: EngineHarness, ...jobs: ReturnType<typeof job>[]): Promise<void> {
  for (const each of jobs) {
    harness.engine.handle({ type: "submit", job: each });
    await harness.untilJob(each.jobId, "finished");
  }
}

describe("progress", () => {
  /** Passes of 16 tokens at most, each of which takes so long. */
  function paced(passMs: number): EngineHarness {
    let ms = 0;
    return startEngine({
      now: () => ms,
      batchSize: 16,
      wrap: (fake) => ({
        ...fake,
        async step(entries, underway) {
          ms += passMs;
          return await fake.step(entries, underway);
        },
      }),
    });
  }

  test("is sent while more of the prompt is to come, and not of its last piece", async () => {
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

  test("is sent five times a second at most, however long the passes take", async () => {
    const harness = paced(50);
    await run(harness, job("a", "x".repeat(200)));
    const times = progressOf(harness, "a").map(({ tMs }) => tMs);
    expect(times).toEqual([50, 250, 450]);
  });

  test("counts what was cached as processed", async () => {
    const harness = paced(250);
    await run(harness, job("a", "x".repeat(40)), job("b", `${"x".repeat(40)}${"y".repeat(40)}`));
    expect(progressOf(harness, "b")[0]).toMatchObject({ processedTokens: 57, promptTokens: 81, cachedTokens: 41 });
  });

  test("is not sent for a prompt that fits one pass", async () => {
    const harness = startEngine();
    await run(harness, job("a", "short"));
    expect(progressOf(harness, "a")).toEqual([]);
  });
});

describe("where a prompt leaves the cache", () => {
  test("is sent where the slot held something of the same scope", async () => {
    const harness = startEngine({ slots: 1 });
    await run(harness, job("a", "System: today is Monday. Hello"), job("b", "System: today is Tuesday. Hello"));
    expect(startedOf(harness, "a")).not.toHaveProperty("differsAt");
    expect(startedOf(harness, "b")).toMatchObject({ cachedTokens: 16, differsAt: "Tuesday. Hello" });
  });

  test("is not sent to another scope", async () => {
    const harness = startEngine({ slots: 1 });
    await run(harness, job("a", "Once upon a time"), job("b", "Once upon a day", { cacheScope: "bob" }));
    expect(startedOf(harness, "b")).toMatchObject({ cachedTokens: 0 });
    expect(startedOf(harness, "b")).not.toHaveProperty("differsAt");
  });

  test("is whole characters, 80 at most", () => {
    const bytes = (text: string): number[] => tokenizeFake({ kind: "text", text });
    const prompt = bytes(`é${"🐝".repeat(200)}`);
    // From the second byte of the é on.
    expect(differsAt(prompt, 2, fakeTokenBytes)).toMatch(/^🐝+$/u);
    expect([...differsAt(prompt, 2, fakeTokenBytes)].length).toBeLessThanOrEqual(80);
    expect(differsAt(bytes("x".repeat(500)), 1, fakeTokenBytes)).toBe("x".repeat(80));
    const word = (): Uint8Array => new TextEncoder().encode("honey, ");
    expect(differsAt(Array(99).fill(1), 0, word), "the last token cut").toBe("honey, ".repeat(12).slice(0, 80));
    expect(differsAt(prompt, prompt.length, fakeTokenBytes)).toBe("");
  });
});

test("checking a job tells how much of its prompt is cached for its scope", async () => {
  const harness = startEngine({ slots: 2 });
  await run(harness, job("a", "A long beginning, and one end"));
  const check = async (jobId: string, cacheScope: string): Promise<number> => {
    harness.engine.handle({ type: "preflight", job: job(jobId, "A long beginning, and another", { cacheScope }) });
    const answer = await harness.until((event): event is Extract<typeof event, { type: "preflight_ok" }> => {
      return isType("preflight_ok")(event) && event.jobId === jobId;
    });
    return answer.cachedTokens;
  };
  expect(await check("b", "alice")).toBeGreaterThan(15);
  expect(await check("c", "bob")).toBe(0);
});
