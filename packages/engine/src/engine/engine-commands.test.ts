import { describe, expect, test, vi } from "vitest";
import {
  expectedText,
  isType,
  job,
  sampling,
  startEngine,
  submit,
  type EngineHarness,
  type EngineHarnessOptions,
  type StepEvent,
  withGenerator,
} from "../testing/engine-harness.ts";
import type { EngineEvent, EngineJob } from "../port/messages.ts";
import type { PromptInput } from "../port/prompts.ts";
import { tokenizeFake } from "../fake/fake-model.ts";

type Commands = Pick<EngineHarness, "engine">;
const prepare = ({ engine }: Commands, given: EngineJob): void => engine.handle({ type: "prepare", job: given });
const start = ({ engine }: Commands, prepared: string): void =>
  engine.handle({ type: "start", prepared, choices: [{ jobId: prepared, choice: 0 }] });
/** Starts so many choices of the work `a`: a.0, a.1 and so on. */
const startChoices = ({ engine }: Commands, count: number): void => {
  const choices = Array.from({ length: count }, (_, choice) => ({ jobId: `a.${choice}`, choice }));
  engine.handle({ type: "start", prepared: "a", choices });
};
const unprepared = (events: readonly EngineEvent[]) => events.filter(isType("unprepared"));

/** A harness whose tokenizer waits for `go`, with the number of prompts that it got. */
function startSlow(options: EngineHarnessOptions = {}) {
  let prompts = 0;
  let go = (): void => {};
  const allowed = new Promise<void>((resolve) => (go = resolve));
  const harness = startEngine({
    ...options,
    wrap: withGenerator((generator) => ({
      async tokenize(input) {
        prompts += 1;
        await allowed;
        return await generator.tokenize(input);
      },
    })),
  });
  return { ...harness, go, prompts: () => prompts };
}

describe("a preparation", () => {
  test("is answered with the number of tokens or the error, and starts no job", async () => {
    const { engine, until, events } = startEngine({ contextSize: 16 });
    prepare({ engine }, job("a", "Hello"));
    expect(await until(isType("prepared"))).toEqual({
      type: "prepared",
      jobId: "a",
      promptTokens: 6,
      cachedTokens: 0,
    });
    prepare({ engine }, job("b", "much-too-long-a-prompt"));
    expect(await until(isType("prepare_failed"))).toMatchObject({
      jobId: "b",
      failure: { code: "invalid_argument", details: { n_prompt_tokens: 23, n_ctx: 16 } },
    });
    expect(events).toHaveLength(2);
    expect(engine.preparedJobs).toBe(1);
  });

  test("tokenizes the prompt and checks the settings once, for all choices", async () => {
    const tokenize = vi.fn(async (input: PromptInput) => ({ entries: tokenizeFake(input), chunks: [] }));
    const checkSampling = vi.fn(async () => {});
    const harness = startEngine({ wrap: withGenerator(() => ({ tokenize, checkSampling })) });
    prepare(harness, job("a", "Hello", { sampling: sampling({ temperature: 0.8, seed: 5 }) }));
    await harness.until(isType("prepared"));
    startChoices(harness, 3);
    expect(harness.engine.preparedJobs).toBe(0);
    for (const choice of [0, 1, 2]) {
      await harness.untilJob(`a.${choice}`, "finished");
      expect(harness.textOf(`a.${choice}`)).toBe(expectedText("Hello", 8, { temperature: 0.8, seed: 5 + choice }));
    }
    expect(tokenize).toHaveBeenCalledTimes(1);
    expect(checkSampling).toHaveBeenCalledTimes(1);
  });

  test("is waited for by choices that start meanwhile, and its prompt is tokenized once", async () => {
    const harness = startSlow();
    prepare(harness, job("a", "Hello"));
    startChoices(harness, 2);
    harness.go();
    await harness.untilJob("a.0", "finished");
    await harness.untilJob("a.1", "finished");
    expect(harness.prompts()).toBe(1);
    expect(harness.events.filter(isType("prepared"))).toHaveLength(1);
    expect(harness.engine.preparedJobs).toBe(0);
  });

  test("that fails ends the choices that have started", async () => {
    const harness = startEngine({ contextSize: 16 });
    prepare(harness, job("a", "far too long a prompt"));
    startChoices(harness, 2);
    for (const id of ["a.0", "a.1"]) {
      expect(await harness.untilJob(id, "failed")).toMatchObject({ code: "invalid_argument" });
    }
    expect(harness.events.every(({ type }) => type === "step")).toBe(true);
  });

  test("that is dropped is not answered, and nothing is kept", async () => {
    const harness = startSlow();
    prepare(harness, job("a", "Hello"));
    harness.engine.handle({ type: "drop", prepared: "a" });
    harness.go();
    await harness.run(job("b", "Hello"));
    expect(harness.events.filter(isType("prepared"))).toMatchObject([{ jobId: "b" }]);
    prepare(harness, job("c", "Hello"));
    await harness.until(isType("prepared"));
    expect(harness.engine.preparedJobs).toBe(1);
    harness.engine.handle({ type: "drop", prepared: "c" });
    expect(harness.engine.preparedJobs).toBe(0);
  });

  test("ends when the last choice that waits for it is cancelled", async () => {
    const harness = startSlow();
    prepare(harness, job("a", "Hello"));
    startChoices(harness, 2);
    harness.engine.handle({ type: "cancel", jobId: "a.0" });
    expect(harness.engine.preparedJobs).toBe(1);
    harness.engine.handle({ type: "cancel", jobId: "a.1" });
    expect(harness.engine.preparedJobs).toBe(0);
  });

  test("logs an internal error and does not send it to the client", async () => {
    const { engine, until } = startEngine({
      wrap: withGenerator(() => ({ checkSampling: () => Promise.reject(new Error("oops")) })),
    });
    prepare({ engine }, job("a", "Hello"));
    expect(await until(isType("prepare_failed"))).toMatchObject({ failure: { code: "internal" } });
    expect(await until(isType("log"))).toMatchObject({ level: "error", message: "Cannot prepare job a: oops" });
  });
});

describe("a start", () => {
  test("without prepared work asks for it once, and all choices wait for it", async () => {
    const harness = startEngine();
    startChoices(harness, 2);
    expect(unprepared(harness.events)).toEqual([{ type: "unprepared", jobId: "a" }]);
    prepare(harness, job("a", "Hello"));
    await harness.untilJob("a.0", "finished");
    await harness.untilJob("a.1", "finished");
    expect(harness.textOf("a.0")).toBe(expectedText("Hello", 8));
  });

  test.each([
    { clients: ["x", "x", "x"], unkept: "c" },
    { clients: ["x", "x", "y"], unkept: "b" },
  ])(
    "asks again only for the newest work of the client with the most, beyond the limit of bytes: $unkept",
    async (row) => {
      const harness = startEngine({ slots: 3, contextSize: 2_000, limits: { preparedBytes: 25_000 } });
      const ids = ["a", "b", "c"];
      // Each prompt takes eight bytes for a token and two for a character, and its settings a few hundred bytes.
      const one = (id: string) => ({ ...job(id, "x".repeat(1_000)), cacheScope: row.clients[ids.indexOf(id)] ?? "" });
      for (const id of ids) {
        prepare(harness, one(id));
        await harness.until((event): event is EngineEvent => isType("prepared")(event) && event.jobId === id);
      }
      expect(harness.engine.preparedJobs).toBe(2);
      for (const id of ids) start(harness, id);
      expect(unprepared(harness.events)).toEqual([{ type: "unprepared", jobId: row.unkept }]);
      prepare(harness, one(row.unkept));
      for (const id of ids) await harness.untilJob(id, "finished");
      expect(unprepared(harness.events)).toHaveLength(1);
    },
  );

  test("fails beyond the limit of waiting jobs", async () => {
    const { engine, gate, of } = startEngine({ slots: 1, gated: true, limits: { maxWaiting: 2 } });
    submit(engine, job("a", "a"));
    await gate.held();
    for (const id of ["b", "c", "d"]) submit(engine, job(id, id));
    expect(of("d")).toEqual([
      {
        type: "failed",
        jobId: "d",
        code: "resource_exhausted",
        message: "Cannot accept the job: 2 jobs are waiting already.",
      },
    ]);
  });

  test("whose choices all fail drops the work that is being prepared", () => {
    const { engine, of } = startEngine({ limits: { maxWaiting: 0 } });
    submit(engine, job("a", "a"));
    expect(of("a")).toMatchObject([{ type: "failed", code: "resource_exhausted" }]);
    expect(engine.preparedJobs).toBe(0);
  });

  test("of a job that the engine already has is ignored and logged", async () => {
    const { engine, gate, events, of, untilJob } = startEngine({ gated: true });
    submit(engine, job("a", "a"));
    start({ engine }, "a");
    await gate.held();
    start({ engine }, "a");
    gate.open();
    await untilJob("a", "finished");
    expect(of("a").filter(({ type }) => type === "started")).toHaveLength(1);
    expect(events.filter(({ type }) => type === "log")).toHaveLength(2);
  });
});

describe("a cancel", () => {
  test("of a waiting job takes effect at once, even while a pass runs", async () => {
    const { engine, gate, of } = startEngine({ slots: 1, gated: true });
    submit(engine, job("a", "a"));
    await gate.held();
    submit(engine, job("b", "b"));
    engine.handle({ type: "cancel", jobId: "b" });
    expect(of("b")).toMatchObject([{ type: "cancelled", steps: 0, completionTokens: 0 }]);
  });

  test("of a prefilling job frees its slot after the running pass, and the next job uses the computed cache", async () => {
    const { engine, backend, gate, untilJob, textOf, run } = startEngine({
      slots: 1,
      gated: true,
      limits: { prefillBudget: 80 },
    });
    const prompt = "p".repeat(200);
    submit(engine, job("a", prompt));
    await gate.held();
    gate.step();
    await gate.held();
    engine.handle({ type: "cancel", jobId: "a" });
    expect(engine.busySlots).toBe(1);
    gate.step();
    expect(await untilJob("a", "cancelled")).toMatchObject({ steps: 1, promptTokens: 201, completionTokens: 0 });
    expect(engine.busySlots).toBe(0);
    // The first piece has 73 tokens, so that the rest is whole tiles.
    expect(backend.heldTokens(0)).toHaveLength(137);
    gate.open();
    expect(await run(job("b", prompt), "started")).toMatchObject({ cachedTokens: 137 });
    await untilJob("b", "finished");
    expect(textOf("b")).toBe(expectedText(prompt, 8));
  });

  test("of a decoding job drops the token of the running pass, and does not affect the other job", async () => {
    const { engine, gate, untilJob, textOf, of } = startEngine({ gated: true });
    submit(engine, job("a", "Hello", { maxTokens: 50 }));
    submit(engine, job("b", "World", { maxTokens: 20 }));
    await gate.held();
    gate.step(3);
    await untilJob("b", "token");
    await gate.held();
    const before = textOf("a");
    engine.handle({ type: "cancel", jobId: "a" });
    gate.step();
    const cancelled = await untilJob("a", "cancelled");
    expect(cancelled.steps).toBe(1);
    expect(textOf("a")).toBe(before);
    gate.open();
    await untilJob("b", "finished");
    expect(textOf("b")).toBe(expectedText("World", 20));
    expect(of("a").at(-1)).toBe(cancelled);
  });

  test("sends the text that was held back", async () => {
    const { engine, gate, until, untilJob, textOf, of } = startEngine({ gated: true });
    const stop = `${expectedText("Hello", 2)}, says the bee`;
    submit(engine, job("a", "Hello", { maxTokens: 50, stop: [stop] }));
    gate.step(2);
    await until((event): event is StepEvent => event.type === "step" && event.stats?.step === 2);
    expect(textOf("a")).toBe("");
    engine.handle({ type: "cancel", jobId: "a" });
    gate.open();
    await untilJob("a", "cancelled");
    expect(textOf("a")).toBe(expectedText("Hello", 2));
    expect(of("a").at(-2)).toMatchObject({ type: "token", index: 0, n: 2 });
  });

  test("of a job in preparation is final, even if the preparation fails later", async () => {
    const { engine, of, run } = startEngine();
    submit(engine, job("a", "Hello", { sampling: sampling({ grammar: "nonsense" }) }));
    engine.handle({ type: "cancel", jobId: "a" });
    await run(job("a", "Hello"), "finished", "failed");
    expect(of("a").map(({ type }) => type)).toEqual(["cancelled", "started", ...Array(8).fill("token"), "finished"]);
  });

  test("between two steps takes no step", async () => {
    let begun = (): void => {};
    const beginning = new Promise<void>((resolve) => (begun = resolve));
    let letBegin = (): void => {};
    const { engine, untilJob, backend } = startEngine({
      wrap: withGenerator((generator) => ({
        async begin(...args) {
          begun();
          await new Promise<void>((resolve) => (letBegin = resolve));
          return await generator.begin(...args);
        },
      })),
    });
    submit(engine, job("a", "Hello"));
    await beginning;
    engine.handle({ type: "cancel", jobId: "a" });
    letBegin();
    expect(await untilJob("a", "cancelled")).toMatchObject({ steps: 0 });
    expect(backend.steps).toBe(0);
  });

  test("during an event takes effect after the pass that has begun by then", async () => {
    const { of, run } = startEngine({
      onEvent(event, own) {
        if (event.type === "step" && event.stats?.step === 3) own.handle({ type: "cancel", jobId: "a" });
      },
    });
    expect(await run(job("a", "Hello"), "cancelled")).toMatchObject({ steps: 1, completionTokens: 3 });
    expect(of("a").filter(({ type }) => type === "token")).toHaveLength(3);
  });

  test("of an unknown or ended job has no effect", async () => {
    const { engine, events, of, run } = startEngine();
    engine.handle({ type: "cancel", jobId: "nobody" });
    await run(job("a", "Hello"));
    engine.handle({ type: "cancel", jobId: "a" });
    submit(engine, job("b", "Hello"));
    engine.handle({ type: "cancel", jobId: "b" });
    expect(of("b")).toMatchObject([{ type: "cancelled" }]);
    await run(job("b", "Hello"));
    expect(of("a").filter(({ type }) => type === "cancelled" || type === "finished")).toHaveLength(1);
    expect(events.every(({ type }) => type === "step" || type === "prepared")).toBe(true);
  });
});
