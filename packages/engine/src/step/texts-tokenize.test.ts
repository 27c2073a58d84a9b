// Tests that texts to embed are tokenized in parallel with the step loop, so that slow tokenizing delays no other job.
import { deferred } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import {
  embedJob,
  expectedText,
  isType,
  job,
  startEngine,
  submit,
  type EngineHarness,
  type EngineHarnessOptions,
} from "../testing/engine-harness.ts";
import { expectedFakeVector } from "../fake/fake-embedder.ts";
import type { JobEvent } from "../port/messages.ts";

const long = "x".repeat(200);
const ends: readonly JobEvent["type"][] = ["finished", "cancelled", "failed"];

interface HeldEngine extends EngineHarness {
  /** The texts that were tokenized, except during preparation. */
  readonly tokenized: readonly string[];
  /** Resolves when a text is held. */
  held(): Promise<void>;
  /** Lets the tokenizing of the held text end or fail. */
  release(failure?: Error): void;
  endsOf(jobId: string): string[];
}

function textOf(input: unknown): string {
  if (typeof input !== "string") throw new Error("These tests embed texts only");
  return input;
}

/** Starts an engine where the tokenizing of some texts waits for the test, except during preparation. */
function startHeldEngine(isHeld: (text: string) => boolean, options: EngineHarnessOptions = {}): HeldEngine {
  const checks = new Map<string, number>();
  const tokenized: string[] = [];
  let arrived = deferred<void>();
  let gate = deferred<void>();
  const harness = startEngine({
    ...options,
    wrap: ({ embedder, ...fake }) => ({
      ...fake,
      embedder: embedder && {
        ...embedder,
        async tokenize(input, _truncateTo, pieces) {
          const text = textOf(input);
          const unused = checks.get(text) ?? 0;
          if (unused === 0) {
            checks.set(text, 1);
            return await embedder.tokenize(text);
          }
          checks.set(text, unused - 1);
          tokenized.push(text);
          void pieces?.pace(1);
          if (isHeld(text)) {
            arrived.resolve();
            await gate.promise;
          }
          return await embedder.tokenize(text);
        },
      },
    }),
  });
  return {
    ...harness,
    tokenized,
    held: () => arrived.promise,
    release(failure) {
      const own = gate;
      [arrived, gate] = [deferred(), deferred()];
      if (failure === undefined) own.resolve();
      else own.reject(failure);
    },
    endsOf: (jobId) =>
      harness
        .of(jobId)
        .map(({ type }) => type)
        .filter((type) => ends.includes(type)),
  };
}

const isLong = (text: string): boolean => text === long;

async function turnEventLoop(times: number): Promise<void> {
  for (let i = 0; i < times; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("while a text is tokenized", () => {
  test("streams start, continue and end", async () => {
    const { engine, held, release, untilJob, textOf, of } = startHeldEngine(isLong);
    submit(engine, job("a", "Hello", { maxTokens: 50 }));
    submit(engine, embedJob("e", long));
    await held();
    submit(engine, job("b", "World", { maxTokens: 50 }));
    await Promise.all([untilJob("a", "finished"), untilJob("b", "finished")]);
    expect([textOf("a"), textOf("b")]).toEqual([expectedText("Hello", 50), expectedText("World", 50)]);
    expect(of("e")).toEqual([]);
    release();
    await untilJob("e", "finished");
    expect(of("e")).toMatchObject([{ type: "started" }, { vector: expectedFakeVector(long) }, { type: "finished" }]);
  });

  test("an idle engine rests, and sends a sign of life for each piece of the text", async () => {
    const { engine, held, events } = startHeldEngine(isLong);
    submit(engine, embedJob("e", long));
    await held();
    for (let round = 0; round < 2; round++) {
      engine.maintain();
      await turnEventLoop(20);
      expect(events.filter(isType("step")), "the piece does not end").toMatchObject([{ type: "step", events: [] }]);
    }
  });

  test("its job can be cancelled at once, its tokens are dropped, and the next job runs", async () => {
    const { engine, held, release, untilJob, of, endsOf, tokenized } = startHeldEngine(isLong);
    submit(engine, embedJob("e", long));
    await held();
    submit(engine, embedJob("f", "a"));
    engine.handle({ type: "cancel", jobId: "e" });
    expect(of("e")).toMatchObject([{ type: "cancelled", steps: 0, promptTokens: 201 }]);
    await turnEventLoop(5);
    expect(tokenized, "one text at a time").toEqual([long]);
    release();
    await untilJob("f", "finished");
    expect(of("f")[1]).toMatchObject({ type: "embedding", vector: expectedFakeVector("a") });
    expect([endsOf("e"), endsOf("f")]).toEqual([["cancelled"], ["finished"]]);
  });

  test("its job can be cancelled and submitted again", async () => {
    const { engine, held, release, untilJob, endsOf } = startHeldEngine(isLong);
    submit(engine, embedJob("e", long));
    await held();
    engine.handle({ type: "cancel", jobId: "e" });
    submit(engine, embedJob("e", "a", "b"));
    release();
    expect(await untilJob("e", "finished")).toMatchObject({ promptTokens: 4 });
    expect(endsOf("e")).toEqual(["cancelled", "finished"]);
  });

  test.each<[thrown: Error, code: string]>([
    [new WaggleError("resource_exhausted", "Cannot tokenize: no memory."), "resource_exhausted"],
    [new Error("oops"), "engine_failed"],
  ])("an error fails only its job: %s", async (thrown, code) => {
    const { engine, held, release, untilJob, endsOf, events, run } = startHeldEngine(isLong);
    submit(engine, embedJob("e", long));
    await held();
    submit(engine, embedJob("f", "a"));
    await run(job("a", "Hello"));
    release(thrown);
    expect(await untilJob("e", "failed")).toMatchObject({ code });
    await untilJob("f", "finished");
    expect([endsOf("e"), endsOf("f")]).toEqual([["failed"], ["finished"]]);
    expect(events.some(isType("broken"))).toBe(false);
  });

  test("an error is not reported after its job was cancelled", async () => {
    const { engine, held, release, untilJob, endsOf, events } = startHeldEngine(isLong);
    submit(engine, embedJob("e", long));
    await held();
    engine.handle({ type: "cancel", jobId: "e" });
    submit(engine, embedJob("f", "a"));
    release(new Error("oops"));
    await untilJob("f", "finished");
    expect(endsOf("e")).toEqual(["cancelled"]);
    expect(events.some(isType("log"))).toBe(false);
  });

  test("the engine can shut down", async () => {
    const { engine, held, release, running, events } = startHeldEngine(isLong);
    submit(engine, embedJob("e", long));
    await held();
    engine.handle({ type: "shutdown" });
    await running;
    const last = events.length;
    release();
    await turnEventLoop(5);
    expect(events).toHaveLength(last);
  });
});

describe("the next text of a job", () => {
  test("is tokenized while a text computes, one text for each job", async () => {
    const computing = deferred<void>();
    const go = deferred<void>();
    const { engine, tokenized, untilJob } = startHeldEngine(() => false, {
      async embedGate() {
        computing.resolve();
        await go.promise;
      },
    });
    submit(engine, embedJob("e", "a", "b", "c"));
    submit(engine, embedJob("f", "d", "e"));
    await computing.promise;
    await turnEventLoop(5);
    expect(tokenized).toEqual(["a", "d"]);
    go.resolve();
    await Promise.all([untilJob("e", "finished"), untilJob("f", "finished")]);
    expect(tokenized).toEqual(["a", "d", "b", "e", "c"]);
  });

  test("is tokenized in time, so that several short texts are computed between two passes", async () => {
    const texts = Array.from({ length: 50 }, (_, i) => `text ${i}`);
    const { events, run } = startHeldEngine(() => false, { limits: { prefillBudget: 512 } });
    await run(job("a", "Hello", { maxTokens: 200 }), "token");
    await run(embedJob("e", ...texts));
    const steps = events.filter(isType("step"));
    const from = steps.findIndex((step) => step.events.some(({ type }) => type === "embedding"));
    const passes = steps.slice(from).filter(({ stats }) => stats !== undefined);
    expect(passes.length).toBeLessThan(10);
  });

  test("fails after the vector of the preceding text is sent", async () => {
    const { engine, held, release, untilJob, of } = startHeldEngine(isLong);
    submit(engine, embedJob("e", "a", long, "b"));
    await held();
    release(new Error("oops"));
    await untilJob("e", "failed");
    expect(of("e").map(({ type }) => type)).toEqual(["started", "embedding", "failed"]);
  });

  test("keeps its turn when its tokenizing takes long", async () => {
    const { engine, events, held, release, untilJob } = startHeldEngine(isLong);
    submit(engine, embedJob("e", long, "a"));
    await held();
    submit(engine, embedJob("f", "b", "c"));
    await turnEventLoop(5);
    release();
    await Promise.all([untilJob("e", "finished"), untilJob("f", "finished")]);
    const order = events.flatMap((event) => (event.type === "step" ? event.events : []));
    const vectors = order.flatMap((event) => (event.type === "embedding" ? [`${event.jobId}${event.index}`] : []));
    expect(vectors).toEqual(["e0", "f0", "e1", "f1"]);
  });
});
