import { deferred } from "@waggle/async";
import { lanePriority, WaggleError } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { embedJob, expectedText, isType, job, startEngine, submit, statsOf } from "../testing/engine-harness.ts";
import type { TextPiece } from "../port/texts.ts";
import { expectedFakeLogit, expectedFakeVector } from "../fake/fake-embedder.ts";
import type { JobEvent } from "../port/messages.ts";

const long = "x".repeat(200);

const vectorsOf = (events: readonly JobEvent[]): (readonly number[])[] =>
  events.flatMap((event) => (event.type === "embedding" ? [event.vector] : []));

/** Creates a gate that holds each piece until the test releases it. */
function createPieceGate() {
  const pieces: TextPiece[] = [];
  let arrived = deferred<void>();
  let next = deferred<void>();
  return {
    pieces,
    async gate(piece: TextPiece): Promise<void> {
      pieces.push(piece);
      const own = (next = deferred<void>());
      arrived.resolve();
      await own.promise;
    },
    /** Resolves when a piece computes. */
    held: () => arrived.promise,
    release() {
      arrived = deferred();
      next.resolve();
    },
  };
}

describe("an embed or rerank job", () => {
  test.each([
    ["client's", 0],
    ["lane job's", lanePriority],
  ])(
    "has the vector of the whole text, if a text of another client arrives within a long text of a %s",
    async (_, priority) => {
      let [ms, pieces] = [0, 0];
      const { engine, of, untilJob } = startEngine({
        ...{ contextSize: 4_096, now: () => ms },
        async embedGate({ tokens }) {
          ms += 3 * tokens.length;
          pieces += 1;
          if (pieces === 3) submit(engine, { ...embedJob("b", ...Array<string>(9).fill(long)), cacheScope: "bob" });
        },
      });
      const text = "x".repeat(3_000);
      submit(engine, { ...embedJob("a", text), priority });
      await Promise.all([untilJob("a", "finished"), untilJob("b", "finished")]);
      expect(vectorsOf(of("a"))).toEqual([expectedFakeVector(text)]);
    },
  );

  test("starts, sends each text's vector in order, and finishes once, without a slot", async () => {
    const { of, events, run } = startEngine();
    const finished = await run(embedJob("e", "a bee", long, ""));
    expect(finished).toMatchObject({ by: "end", promptTokens: 3 + 201 + 1, cachedTokens: 0, completionTokens: 0 });
    expect(of("e").map(({ type }) => type)).toEqual(["started", ...Array<string>(3).fill("embedding"), "finished"]);
    expect(of("e")[0]).toEqual({ type: "started", jobId: "e", promptTokens: 205, cachedTokens: 0 });
    expect(vectorsOf(of("e"))).toEqual(["a bee", long, ""].map(expectedFakeVector));
    expect(of("e").flatMap((event) => (event.type === "embedding" ? [[event.index, event.tokens]] : []))).toEqual([
      [0, 3],
      [1, 201],
      [2, 1],
    ]);
    expect(statsOf(events)).toEqual([]);
  });

  test("has a preflight like other jobs, and the preflight's result is kept for the submission", async () => {
    const { engine, until, run } = startEngine({ contextSize: 64 });
    engine.handle({ type: "prepare", job: embedJob("e", "a bee", "b") });
    expect(await until(isType("prepared"))).toEqual({
      type: "prepared",
      jobId: "e",
      promptTokens: 5,
      cachedTokens: 0,
    });
    await run(embedJob("e", "a bee", "b"));
    engine.handle({ type: "prepare", job: embedJob("f", "short", "y".repeat(64)) });
    expect(await until(isType("prepare_failed"))).toMatchObject({
      jobId: "f",
      failure: { code: "invalid_argument", details: { n_prompt_tokens: 65, n_ctx: 63 } },
    });
    expect(await run(embedJob("g", "z".repeat(100_000)), "failed")).toMatchObject({ code: "invalid_argument" });
  });

  test("is refused where the model has no vectors", async () => {
    const { run } = startEngine({ wrap: (fake) => ({ ...fake, embedder: undefined }) });
    expect(await run(embedJob("e", "a"), "failed")).toMatchObject({ code: "invalid_argument" });
  });

  test.each<[thrown: Error, code: string]>([
    [new WaggleError("resource_exhausted", "Cannot embed: no memory."), "resource_exhausted"],
    [new Error("oops"), "engine_failed"],
  ])("ends without an effect on other jobs when a piece fails: %s", async (thrown, code) => {
    let failing = true;
    const embedGate = async (): Promise<void> => {
      if (failing) throw thrown;
    };
    const { events, run } = startEngine({ embedGate });
    expect(await run(embedJob("e", "a"), "failed")).toMatchObject({ code });
    failing = false;
    await Promise.all([run(embedJob("f", "a")), run(job("g", "Hello"))]);
    expect(events.some(isType("broken"))).toBe(false);
  });

  test("does not send the backend's error to the client", async () => {
    const embedGate = async (): Promise<void> => Promise.reject(new Error("oops at /home/alice"));
    const { events, run } = startEngine({ embedGate });
    const failed = await run(embedJob("e", "a"), "failed");
    expect(failed).toEqual({
      type: "failed",
      jobId: "e",
      code: "engine_failed",
      message: "The engine could not compute the texts.",
    });
    expect(events.find(isType("log"))?.message).toContain("oops");
  });

  test("is computed in pieces between the steps of a stream, with the budget of prompts", async () => {
    const pieces: TextPiece[] = [];
    const embedGate = async (piece: TextPiece): Promise<void> => void pieces.push(piece);
    const { engine, of, events, textOf, untilJob, run } = startEngine({ embedGate, limits: { prefillBudget: 16 } });
    await run(job("a", "Hello", { maxTokens: 100 }), "token");
    submit(engine, embedJob("e", long));
    await Promise.all([untilJob("a", "finished"), untilJob("e", "finished")]);
    expect(pieces.map(({ tokens }) => tokens.length)).toEqual([...Array<number>(12).fill(16), 9]);
    expect(vectorsOf(of("e"))).toEqual([expectedFakeVector(long)]);
    expect(textOf("a")).toBe(expectedText("Hello", 100));
    const order = events.flatMap((event) => (event.type === "step" ? event.events : []));
    const from = order.findIndex(({ type, jobId }) => type === "started" && jobId === "e");
    const to = order.findIndex(({ type }) => type === "embedding");
    const tokens = order.slice(from, to).filter(({ type }) => type === "token");
    expect(tokens.length, "at least one token between two pieces").toBeGreaterThanOrEqual(12);
  });

  test("takes turns with prompts", async () => {
    const pieces: TextPiece[] = [];
    const embedGate = async (piece: TextPiece): Promise<void> => void pieces.push(piece);
    const { untilJob, events, run } = startEngine({ embedGate, batchSize: 16 });
    await run(embedJob("e", long), "started");
    await run(job("a", "y".repeat(100)), "token");
    const passes = statsOf(events).length;
    expect(passes).toBeGreaterThanOrEqual(6);
    expect(pieces.length).toBeLessThanOrEqual(2 * passes + 2);
    await untilJob("e", "finished");
  });

  test("takes turns with other embed jobs, text by text", async () => {
    const { events, run } = startEngine({ limits: { prefillBudget: 16 } });
    await Promise.all([run(embedJob("e", long, long, long)), run(embedJob("f", "a", "b"))]);
    const order = events.flatMap((event) => (event.type === "step" ? event.events : []));
    expect(order.filter(({ type }) => type === "embedding").map(({ jobId }) => jobId)).toEqual([
      "e",
      "f",
      "e",
      "f",
      "e",
    ]);
  });

  test("sends a logit for each document to rank", async () => {
    const { engine, of, untilJob } = startEngine({ kind: "rerank" });
    const documents = ["a dog", "a bee"];
    const work = { kind: "rerank", queries: ["the bee"], documents } as const;
    submit(engine, { jobId: "r", work, cacheScope: "alice", priority: 0 });
    await untilJob("r", "finished");
    expect(vectorsOf(of("r"))).toEqual(documents.map((document) => [expectedFakeLogit("the bee", document)]));
  });

  test("sends a sign of life after each piece", async () => {
    const { events, run } = startEngine({ batchSize: 16 });
    await run(embedJob("e", long));
    expect(events.filter(isType("step")).length).toBeGreaterThanOrEqual(Math.ceil(201 / 16));
  });

  test("is cancelled after the piece that computes, or at once while another job's piece computes", async () => {
    const { pieces, gate, held, release } = createPieceGate();
    const { engine, of, untilJob } = startEngine({ embedGate: gate, batchSize: 16 });
    submit(engine, embedJob("e", long, long));
    await held();
    submit(engine, embedJob("f", "a"));
    engine.handle({ type: "cancel", jobId: "e" });
    expect(of("e").some(({ type }) => type === "cancelled")).toBe(false);
    release();
    expect(await untilJob("e", "cancelled")).toMatchObject({ steps: 1, promptTokens: 402 });
    await held();
    submit(engine, embedJob("g", "a"));
    engine.handle({ type: "cancel", jobId: "g" });
    expect(await untilJob("g", "cancelled")).toMatchObject({ steps: 0 });
    release();
    await untilJob("f", "finished");
    expect(vectorsOf(of("f"))).toEqual([expectedFakeVector("a")]);
    expect(pieces).toHaveLength(2);
    expect(of("e").filter(({ type }) => type !== "started")).toHaveLength(1);
  });

  test("that is cancelled while its last piece computes ends once, and does not affect the next job", async () => {
    const { gate, held, release } = createPieceGate();
    const { engine, of, untilJob } = startEngine({ embedGate: gate });
    submit(engine, embedJob("e", "a"));
    await held();
    submit(engine, embedJob("f", "b"));
    engine.handle({ type: "cancel", jobId: "e" });
    release();
    await untilJob("e", "cancelled");
    await held();
    release();
    await untilJob("f", "finished");
    expect(of("e").map(({ type }) => type)).toEqual(["started", "cancelled"]);
  });
});
