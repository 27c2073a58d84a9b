import { WaggleError } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import {
  expectedText,
  isType,
  job,
  sampling,
  startEngine,
  submit,
  statsOf,
  type StepEvent,
  withGenerator,
} from "../testing/engine-harness.ts";
import { expectedFakeText } from "../fake/fake-model.ts";

describe("a job", () => {
  test("starts, streams the model's text, and finishes once", async () => {
    const { of, textOf, run } = startEngine();
    const finished = await run(job("a", "Hello", { maxTokens: 5 }));
    expect(finished).toMatchObject({ by: "max_tokens", promptTokens: 6, cachedTokens: 0, completionTokens: 5 });
    expect(of("a")[0]).toEqual({ type: "started", jobId: "a", slot: 0, promptTokens: 6, cachedTokens: 0, seed: 99 });
    expect(of("a").map((event) => event.type)).toEqual(["started", ...Array(5).fill("token"), "finished"]);
    expect(of("a").flatMap((event) => (event.type === "token" ? [event.index] : []))).toEqual([0, 1, 2, 3, 4]);
    expect(textOf("a")).toBe(expectedText("Hello", 5));
  });

  test("with messages is rendered with the model's template", async () => {
    const { textOf, run } = startEngine();
    const messages = [{ role: "user" as const, content: "Hi" }];
    await run(job("a", "", { prompt: { kind: "messages", messages } }));
    expect(textOf("a")).toBe(expectedFakeText({ kind: "messages", messages }, sampling(), 8));
  });

  test("whose entry fails ends without an effect on other jobs", async () => {
    const { engine, textOf, untilJob, run } = startEngine();
    submit(engine, job("bad", "[fail:3]"));
    submit(engine, job("good", "Hello"));
    expect(await untilJob("bad", "failed")).toMatchObject({ code: "engine_failed" });
    await untilJob("good", "finished");
    expect(textOf("good")).toBe(expectedText("Hello", 8));
    expect(textOf("bad")).toBe(expectedText("[fail:3]", 3));
    const { cachedTokens } = await run(job("next", "[fail:3]"), "started");
    expect(cachedTokens, "the cache of a failed entry is not reused").toBeLessThan(2);
  });
});

describe("a job that cannot begin", () => {
  test.each<[what: string, thrown: Error, expected: object]>([
    ["with a WaggleError", new WaggleError("invalid_argument", "Cannot accept field x."), { code: "invalid_argument" }],
    [
      "with another error",
      new Error("oops"),
      { code: "engine_failed", message: "The engine could not begin the job." },
    ],
  ])("ends without an effect on other jobs: %s", async (_, thrown, expected) => {
    const { engine, textOf, untilJob, events, of, run } = startEngine({
      wrap: withGenerator((generator) => ({
        async begin(slot, keep, wanted, held) {
          if (wanted.seed === 13) throw thrown;
          return await generator.begin(slot, keep, wanted, held);
        },
      })),
    });
    await run(job("good", "Hello", { maxTokens: 30 }), "token");
    expect(await run(job("bad", "Hello", { sampling: sampling({ seed: 13 }) }), "failed")).toMatchObject(expected);
    expect(of("bad")).toHaveLength(1);
    await untilJob("good", "finished");
    expect(textOf("good")).toBe(expectedText("Hello", 30));
    await run(job("next", "Hello"));
    expect(textOf("next")).toBe(expectedText("Hello", 8));
    expect(engine.busySlots).toBe(0);
    expect(events.some(isType("broken"))).toBe(false);
  });
});

test("a job that cannot begin leaves its slot to the next job at once", async () => {
  const { engine, untilJob } = startEngine({
    slots: 1,
    wrap: withGenerator((generator) => ({
      async begin(slot, keep, wanted, held) {
        if (wanted.seed === 13) throw new Error("oops");
        return await generator.begin(slot, keep, wanted, held);
      },
    })),
  });
  for (const id of ["a", "bad", "b"])
    submit(engine, job(id, id, { sampling: sampling({ seed: id === "bad" ? 13 : 1 }) }));
  await untilJob("b", "finished");
});

describe("a step", () => {
  test("sends one message with the tokens of all jobs", async () => {
    const { backend, events, run } = startEngine();
    await Promise.all([run(job("a", "Hello")), run(job("b", "World"))]);
    const stats = statsOf(events);
    expect(stats.map(({ step }) => step)).toEqual(Array.from({ length: backend.steps }, (_, i) => i + 1));
    const widest = events.filter(isType("step")).filter(({ stats }) => stats?.decodeRows === 2);
    expect(widest.length).toBe(7);
    for (const event of widest) expect(event.events.filter(({ type }) => type === "token")).toHaveLength(2);
    const together = widest.at(-1)?.events.map(({ type }) => type);
    expect(together, "the ends are in the message of the last tokens").toEqual([
      "token",
      "token",
      "finished",
      "finished",
    ]);
  });

  test("is reported while the next step computes", async () => {
    const { engine, gate, events, until } = startEngine({ gated: true });
    submit(engine, job("a", "Hello"));
    await gate.held();
    gate.step();
    await until((event): event is StepEvent => event.type === "step" && event.stats?.step === 1);
    expect(statsOf(events), "before the next step has ended").toHaveLength(1);
    await gate.held();
    gate.open();
  });

  test("reports the gap before it, but not time without work", async () => {
    let ms = 0;
    const { events, run } = startEngine({ now: () => (ms += 1) });
    await run(job("a", "Hello", { maxTokens: 2 }));
    await run(job("b", "Hello", { maxTokens: 2 }));
    const gaps = statsOf(events).map(({ gapMs }) => gapMs);
    expect(gaps.map((gap) => gap > 0)).toEqual([false, true, false, true]);
    expect(statsOf(events)[0]).toMatchObject({ passMs: 1, threads: 1 });
  });
});

describe("slots", () => {
  test("are given to jobs in the order of submission, and are reported", async () => {
    const { engine, events, untilJob } = startEngine({ slots: 1 });
    for (const id of ["a", "b", "c"]) submit(engine, job(id, id));
    await untilJob("c", "finished");
    const started = events
      .flatMap((event) => (event.type === "step" ? event.events : []))
      .filter(({ type }) => type === "started");
    expect(started.map(({ jobId }) => jobId)).toEqual(["a", "b", "c"]);
    expect(events.at(-1)).toMatchObject({ slots: [{ id: 0, state: "idle", prompt_tokens: 0, tokens: 0 }] });
    expect(events.find((event) => event.type === "step" && event.stats?.step === 1)).toMatchObject({
      slots: [{ id: 0, state: "decoding", job_id: "a", prompt_tokens: 2, tokens: 1 }],
    });
    expect(engine.busySlots).toBe(0);
  });

  test("keep a session's cache, including the answer", async () => {
    const { textOf, untilJob, run } = startEngine();
    await run(job("a", "Hello", { sessionId: "s" }));
    const more = `Hello${textOf("a")} and more`;
    expect(await run(job("b", more, { sessionId: "s" }), "started")).toMatchObject({ slot: 0, cachedTokens: 6 + 7 });
    await untilJob("b", "finished");
    expect(textOf("b")).toBe(expectedText(more, 8));
  });

  test("must not exceed the batch size", () => {
    expect(() => startEngine({ slots: 8, batchSize: 4 })).toThrow(
      "Cannot run 8 slots: a step carries 4 tokens at most",
    );
  });
});

describe("the engine ends", () => {
  test("on shutdown, idle or busy, and ignores later commands", async () => {
    const idle = startEngine();
    idle.engine.handle({ type: "shutdown" });
    await idle.running;
    const busy = startEngine();
    await busy.run(job("a", "Hello", { maxTokens: 200 }), "token");
    busy.engine.handle({ type: "shutdown" });
    await busy.running;
    const count = busy.events.length;
    submit(busy.engine, job("b", "Hello"));
    busy.engine.handle({ type: "prepare", job: job("c", "Hello") });
    await new Promise(setImmediate);
    expect(busy.events).toHaveLength(count);
  });

  test("when the backend breaks, with the reason in the last event", async () => {
    const { engine, events, running } = startEngine({ failAtStep: 3 });
    submit(engine, job("a", "Hello"));
    await running;
    expect(events.at(-1)).toEqual({ type: "broken", message: "Fake backend failed at step 3, as requested" });
  });

  test("when the backend returns results that do not fit the entries", async () => {
    const { engine, events, running } = startEngine({
      wrap: withGenerator((generator) => ({
        step: async (entries) => (await generator.step(entries)).map(() => ({ kind: "none" as const })),
      })),
    });
    submit(engine, job("a", "Hello"));
    await running;
    expect(events.at(-1)).toMatchObject({ type: "broken", message: expect.stringContaining("a token is missing") });
  });
});
