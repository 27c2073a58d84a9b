import { deferred } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
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
  test("starts, sends each text's vector in order, and finishes once, without a slot", async () => {
    const { engine, of, events, untilJob } = startEngine();
    submit(engine, embedJob("e", "a bee", long, ""));
    const finished = await untilJob("e", "finished");
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
    const { engine, until, untilJob } = startEngine({ contextSize: 64 });
    engine.handle({ type: "prepare", job: embedJob("e", "a bee", "b") });
    expect(await until(isType("prepared"))).toEqual({
      type: "prepared",
      jobId: "e",
      promptTokens: 5,
      cachedTokens: 0,
    });
    submit(engine, embedJob("e", "a bee", "b"));
    await untilJob("e", "finished");
    engine.handle({ type: "prepare", job: embedJob("f", "short", "y".repeat(64)) });
    expect(await until(isType("prepare_failed"))).toMatchObject({
      jobId: "f",
      failure: { code: "invalid_argument", details: { n_prompt_tokens: 65, n_ctx: 63 } },
    });
    submit(engine, embedJob("g", "z".repeat(100_000)));
    expect(await untilJob("g", "failed")).toMatchObject({ code: "invalid_argument" });
  });

  test("is refused where the model has no vectors", async () => {
    const { engine, untilJob } = startEngine({ wrap: (fake) => ({ ...fake, embedder: undefined }) });
    submit(engine, embedJob("e", "a"));
    expect(await untilJob("e", "failed")).toMatchObject({ code: "invalid_argument" });
  });

  test.each<[thrown: Error, code: string]>([
    [new WaggleError("resource_exhausted", "Cannot embed: no memory."), "resource_exhausted"],
    [new Error("oops"), "engine_failed"],
  ])("ends without an effect on other jobs when a piece fails: %s", async (thrown, code) => {
    let failing = true;
    const embedGate = async (): Promise<void> => {
      if (failing) throw thrown;
    };
    const { engine, events, untilJob } = startEngine({ embedGate });
    submit(engine, embedJob("e", "a"));
    expect(await untilJob("e", "failed")).toMatchObject({ code });
    failing = false;
    submit(engine, embedJob("f", "a"));
    submit(engine, job("g", "Hello"));
    await Promise.all([untilJob("f", "finished"), untilJob("g", "finished")]);
    expect(events.some(isType("broken"))).toBe(false);
  });

  test("does not send the backend's error to the client", async () => {
    const embedGate = async (): Promise<void> => Promise.reject(new Error("oops at /home/alice"));
    const { engine, events, untilJob } = startEngine({ embedGate });
    submit(engine, embedJob("e", "a"));
    const failed = await untilJob("e", "failed");
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
    const { engine, of, events, textOf, untilJob } = startEngine({ embedGate, limits: { prefillBudget: 16 } });
    submit(engine, job("a", "Hello", { maxTokens: 100 }));
    await untilJob("a", "token");
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
    const { engine, untilJob, events } = startEngine({ embedGate, batchSize: 16 });
    submit(engine, embedJob("e", long));
    await untilJob("e", "started");
    submit(engine, job("a", "y".repeat(100)));
    await untilJob("a", "token");
    const passes = statsOf(events).length;
    expect(passes).toBeGreaterThanOrEqual(6);
    expect(pieces.length).toBeLessThanOrEqual(2 * passes + 2);
    await untilJob("e", "finished");
  });

  test("takes turns with other embed jobs, text by text", async () => {
    const { engine, events, untilJob } = startEngine({ limits: { prefillBudget: 16 } });
    submit(engine, embedJob("e", long, long, long));
    submit(engine, embedJob("f", "a", "b"));
    await Promise.all([untilJob("e", "finished"), untilJob("f", "finished")]);
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
    const { engine, events, untilJob } = startEngine({ batchSize: 16 });
    submit(engine, embedJob("e", long));
    await untilJob("e", "finished");
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
