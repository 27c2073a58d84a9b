import { describe, expect, test, vi } from "vitest";
import {
  expectedText,
  isType,
  job,
  sampling,
  startEngine,
  type StepEvent,
  withGenerator,
} from "../testing/engine-harness.ts";
import type { PromptInput } from "../port/backend.ts";
import { tokenizeFake } from "../fake/fake-model.ts";

describe("a preflight", () => {
  test("is answered with the number of tokens or the error, and starts no job", async () => {
    const { engine, until, events } = startEngine({ contextSize: 16 });
    engine.handle({ type: "preflight", job: job("a", "Hello") });
    expect(await until(isType("preflight_ok"))).toEqual({
      type: "preflight_ok",
      jobId: "a",
      promptTokens: 6,
      cachedTokens: 0,
    });
    engine.handle({ type: "preflight", job: job("b", "much-too-long-a-prompt") });
    expect(await until(isType("preflight_failed"))).toMatchObject({
      jobId: "b",
      failure: { code: "invalid_argument", details: { n_prompt_tokens: 23, n_ctx: 16 } },
    });
    expect(events).toHaveLength(2);
  });

  test("tokenizes the prompt, so that the submission does not", async () => {
    const tokenize = vi.fn(async (input: PromptInput) => ({ tokens: tokenizeFake(input) }));
    const { engine, until, untilJob } = startEngine({ wrap: withGenerator(() => ({ tokenize })) });
    engine.handle({ type: "preflight", job: job("a", "Hello") });
    await until(isType("preflight_ok"));
    engine.handle({ type: "submit", job: job("a", "Hello") });
    await untilJob("a", "finished");
    expect(tokenize).toHaveBeenCalledTimes(1);
  });

  test("is not necessary: a submission without a preflight is checked too", async () => {
    const { engine, untilJob } = startEngine({ contextSize: 16 });
    engine.handle({ type: "submit", job: job("a", "far too long a prompt") });
    expect(await untilJob("a", "failed")).toMatchObject({ code: "invalid_argument" });
  });

  test("logs an internal error and does not send it to the client", async () => {
    const { engine, until } = startEngine({
      wrap: withGenerator(() => ({ checkSampling: () => Promise.reject(new Error("oops")) })),
    });
    engine.handle({ type: "preflight", job: job("a", "Hello") });
    expect(await until(isType("preflight_failed"))).toMatchObject({ failure: { code: "internal" } });
    expect(await until(isType("log"))).toMatchObject({ level: "error", message: "Cannot prepare job a: oops" });
  });
});

describe("a submission", () => {
  test("fails beyond the limit of waiting jobs", async () => {
    const { engine, gate, of } = startEngine({ slots: 1, gated: true, limits: { maxWaiting: 2 } });
    engine.handle({ type: "submit", job: job("a", "a") });
    await gate.held();
    for (const id of ["b", "c", "d"]) engine.handle({ type: "submit", job: job(id, id) });
    expect(of("d")).toEqual([
      {
        type: "failed",
        jobId: "d",
        code: "resource_exhausted",
        message: "Cannot accept the job: 2 jobs are waiting already.",
      },
    ]);
  });

  test("of a job that the engine already has is ignored and logged", async () => {
    const { engine, gate, events, of, untilJob } = startEngine({ gated: true });
    engine.handle({ type: "submit", job: job("a", "a") });
    engine.handle({ type: "submit", job: job("a", "a") });
    await gate.held();
    engine.handle({ type: "submit", job: job("a", "a") });
    gate.open();
    await untilJob("a", "finished");
    expect(of("a").filter(({ type }) => type === "started")).toHaveLength(1);
    expect(events.filter(({ type }) => type === "log")).toHaveLength(2);
  });
});

describe("a cancel", () => {
  test("of a waiting job takes effect at once, even while a pass runs", async () => {
    const { engine, gate, of } = startEngine({ slots: 1, gated: true });
    engine.handle({ type: "submit", job: job("a", "a") });
    await gate.held();
    engine.handle({ type: "submit", job: job("b", "b") });
    engine.handle({ type: "cancel", jobId: "b" });
    expect(of("b")).toMatchObject([{ type: "cancelled", steps: 0, completionTokens: 0 }]);
  });

  test("of a prefilling job frees its slot after the running pass, and the next job uses the computed cache", async () => {
    const { engine, backend, gate, untilJob, textOf } = startEngine({
      slots: 1,
      gated: true,
      limits: { prefillBudget: 20 },
    });
    const prompt = "p".repeat(200);
    engine.handle({ type: "submit", job: job("a", prompt) });
    await gate.held();
    gate.step();
    await gate.held();
    engine.handle({ type: "cancel", jobId: "a" });
    expect(engine.busySlots).toBe(1);
    gate.step();
    expect(await untilJob("a", "cancelled")).toMatchObject({ steps: 1, promptTokens: 201, completionTokens: 0 });
    expect(engine.busySlots).toBe(0);
    expect(backend.heldTokens(0)).toHaveLength(160);
    gate.open();
    engine.handle({ type: "submit", job: job("b", prompt) });
    expect(await untilJob("b", "started")).toMatchObject({ cachedTokens: 160 });
    await untilJob("b", "finished");
    expect(textOf("b")).toBe(expectedText(prompt, 8));
  });

  test("of a decoding job drops the token of the running pass, and does not affect the other job", async () => {
    const { engine, gate, untilJob, textOf, of } = startEngine({ gated: true });
    engine.handle({ type: "submit", job: job("a", "Hello", { maxTokens: 50 }) });
    engine.handle({ type: "submit", job: job("b", "World", { maxTokens: 20 }) });
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
    engine.handle({ type: "submit", job: job("a", "Hello", { maxTokens: 50, stop: [stop] }) });
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
    const { engine, of, untilJob } = startEngine();
    engine.handle({ type: "submit", job: job("a", "Hello", { sampling: sampling({ grammar: "nonsense" }) }) });
    engine.handle({ type: "cancel", jobId: "a" });
    engine.handle({ type: "submit", job: job("a", "Hello") });
    await untilJob("a", "finished", "failed");
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
    engine.handle({ type: "submit", job: job("a", "Hello") });
    await beginning;
    engine.handle({ type: "cancel", jobId: "a" });
    letBegin();
    expect(await untilJob("a", "cancelled")).toMatchObject({ steps: 0 });
    expect(backend.steps).toBe(0);
  });

  test("during an event takes effect after the pass that has begun by then", async () => {
    const { engine, of, untilJob } = startEngine({
      onEvent(event, own) {
        if (event.type === "step" && event.stats?.step === 3) own.handle({ type: "cancel", jobId: "a" });
      },
    });
    engine.handle({ type: "submit", job: job("a", "Hello") });
    expect(await untilJob("a", "cancelled")).toMatchObject({ steps: 1, completionTokens: 3 });
    expect(of("a").filter(({ type }) => type === "token")).toHaveLength(3);
  });

  test("of an unknown or ended job has no effect", async () => {
    const { engine, events, of, untilJob } = startEngine();
    engine.handle({ type: "cancel", jobId: "nobody" });
    engine.handle({ type: "submit", job: job("a", "Hello") });
    await untilJob("a", "finished");
    engine.handle({ type: "cancel", jobId: "a" });
    engine.handle({ type: "submit", job: job("b", "Hello") });
    engine.handle({ type: "cancel", jobId: "b" });
    expect(of("b")).toMatchObject([{ type: "cancelled" }]);
    engine.handle({ type: "submit", job: job("b", "Hello") });
    await untilJob("b", "finished");
    expect(of("a").filter(({ type }) => type === "cancelled" || type === "finished")).toHaveLength(1);
    expect(events.every(({ type }) => type === "step")).toBe(true);
  });
});
