// Tests the rules of streams: a good one breaks none, and each rule is broken by a stream made for it.
import type { SseFrame } from "@waggle/sse";
import { describe, expect, it } from "vitest";
import { createStreamOrder } from "./stream-order.ts";

const stream_id = "job";
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3, cached_tokens: 0 };
const timings = { queue_ms: 0, prefill_ms: 0, decode_ms: 0, total_ms: 0, tokens_per_second: 0 };

function frame(event: { type: string } & Record<string, unknown>, id?: string): SseFrame {
  return { event: event.type, data: JSON.stringify({ stream_id, ...event }), ...(id === undefined ? {} : { id }) };
}

const queued = frame({ type: "queued", position: 1 });
const started = frame({ type: "started", model: "m", prompt_tokens: 1, cached_tokens: 0, queue_ms: 1 });
const token = (index: number): SseFrame => frame({ type: "token", index, text: "a", t_ms: index }, String(index));
const end = (id: number): SseFrame => frame({ type: "end", finish_reason: "stop", usage, timings }, String(id));
const error = frame({ type: "error", code: "engine_failed", message: "gone", retryable: true });
const done: SseFrame = { data: "[DONE]" };

function problemsOf(frames: readonly SseFrame[], after = -1): readonly string[] {
  const order = createStreamOrder(after);
  for (const one of frames) order.take(one);
  return order.problems;
}

describe("a stream that keeps the rules", () => {
  it.each([
    ["ends", [queued, started, token(0), token(1), end(2), done]],
    ["fails", [queued, started, token(0), error]],
    ["ends before it began", [queued, end(0), done]],
  ])("and %s has no problems", (_, frames) => {
    expect(problemsOf(frames)).toEqual([]);
  });

  it("goes on after the index from which it was resumed", () => {
    expect(problemsOf([started, token(5), end(6), done], 4)).toEqual([]);
  });

  it("tells how it ended", () => {
    const order = createStreamOrder(-1);
    for (const one of [started, end(0), done]) order.take(one);
    expect([order.terminal?.type, order.done]).toEqual(["end", true]);
  });
});

describe("a stream that breaks a rule", () => {
  it.each([
    ["a gap", [started, token(0), token(2)], "token 2 came where 1 was due"],
    ["a token again", [started, token(0), token(0)], "token 0 came where 1 was due"],
    ["tokens before started", [token(0)], "a token came before started"],
    ["a second started", [started, started], "started came twice"],
    ["a second end", [started, end(0), end(0)], "end came after end"],
    ["an error after the end", [started, end(0), error], "error came after end"],
    ["an end with a wrong id", [started, token(0), end(7)], "the end came with the id 7 where 1 was due"],
    ["[DONE] without an end", [started, done], "[DONE] came without an end before it"],
    ["something after [DONE]", [started, end(0), done, token(0)], "something came after [DONE]"],
    ["what is no event", [{ event: "token", data: "{}" }], "this is no event: {}"],
    ["another name", [{ ...queued, event: "status" }], "an event of type queued came in a frame named status"],
  ])("is caught: %s", (_, frames, problem) => {
    expect(problemsOf(frames)).toContain(problem);
  });
});
