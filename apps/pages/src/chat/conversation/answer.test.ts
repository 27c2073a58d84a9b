// Shows how each event changes an answer, and which events change nothing.
import type { EndEvent, StreamEvent, TokenEvent } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import {
  applyEvent,
  broken,
  canContinue,
  continued,
  isThinking,
  newAnswer,
  revived,
  stopped,
  wantsResults,
  withReconnecting,
} from "./answer.ts";
import type { Answer } from "./answer.ts";

const start = newAnswer("turn-1", "job-1", 1_000);
const token = (index: number, text: string, more: Partial<TokenEvent> = {}): TokenEvent => ({
  type: "token",
  stream_id: "job-1",
  index,
  text,
  t_ms: index * 100,
  ids: [7],
  ...more,
});
const end = (more: Partial<EndEvent> = {}): EndEvent => ({
  type: "end",
  stream_id: "job-1",
  finish_reason: "stop",
  usage: { prompt_tokens: 1, completion_tokens: 3, total_tokens: 4, cached_tokens: 0 },
  timings: { queue_ms: 0, prefill_ms: 1, decode_ms: 2, total_ms: 3, tokens_per_second: 42 },
  ...more,
});
const after = (...events: readonly StreamEvent[]): Answer =>
  events.reduce((answer, event) => applyEvent(answer, event, 1_250), start);

describe("an answer", () => {
  it("takes the model's name from the worker, if the request named a model", () => {
    const started: StreamEvent = {
      type: "started",
      stream_id: "job-1",
      model: "small",
      prompt_tokens: 1,
      cached_tokens: 0,
      queue_ms: 0,
    };
    expect(applyEvent({ ...start, model: "alias" }, started, 0).model).toBe("small");
    expect(applyEvent(start, started, 0)).not.toHaveProperty("model");
  });

  it("waits, thinks, streams, and ends with the worker's figures", () => {
    const waiting = after({ type: "queued", stream_id: "job-1", position: 3 });
    expect(waiting).toMatchObject({ phase: "waiting", position: 3 });
    const thinking = applyEvent(waiting, { type: "status", stream_id: "job-1", status: "thinking" }, 0);
    expect(thinking).toMatchObject({ phase: "thinking" });
    expect(thinking.position).toBeUndefined();
    expect(after(token(0, "a"), token(1, "b", { n: 2 }))).toMatchObject({
      phase: "streaming",
      text: "ab",
      tokens: 3,
      ttftMs: 250,
    });
    expect(after(token(0, "a"), { type: "queued", stream_id: "job-1", position: 3 }).phase).toBe("streaming");
    expect(after(token(0, "a"), end())).toMatchObject({ phase: "done", tokens: 3, tokensPerSecond: 42 });
  });

  it("has the worker's estimate while it waits, and then the progress of its prompt", () => {
    const waiting = after({ type: "queued", stream_id: "job-1", position: 3, eta_ms: 4_000 });
    expect(waiting).toMatchObject({ position: 3, etaMs: 4_000 });
    const moved = applyEvent(waiting, { type: "queued", stream_id: "job-1", position: 2 }, 0);
    expect(moved.etaMs).toBeUndefined();
    const progress = { total: 400, cached: 0, processed: 100, time_ms: 9 };
    const reading = after({ type: "status", stream_id: "job-1", status: "thinking", prompt_progress: progress });
    expect(reading).toMatchObject({ phase: "thinking", promptShare: 0.25 });
  });

  it("has a live rate after half a second of tokens", () => {
    expect(after(token(0, "a"), token(1, "b")).tokensPerSecond).toBeUndefined();
    const events = Array.from({ length: 11 }, (_, i) => token(i, "a"));
    expect(after(...events).tokensPerSecond).toBeCloseTo(10);
  });

  it("keeps thoughts separate from the text", () => {
    const answer = after(token(0, "Hm", { part: "reasoning" }), token(1, "a"), token(2, "", { part: "call" }));
    expect(answer).toMatchObject({ thoughts: "Hm", text: "a" });
  });

  it("ignores events of another stream and repeated tokens", () => {
    expect(after(token(0, "old", { stream_id: "job-0" }))).toBe(start);
    expect(after(token(0, "a"), token(0, "a")).text).toBe("a");
  });

  it("ignores events after a stop, and keeps its text", () => {
    const said = stopped(after(token(0, "a")));
    expect(applyEvent(said, token(1, "b"), 0)).toBe(said);
    expect(said).toMatchObject({ phase: "stopped", text: "a" });
    expect(said.problem).toBeUndefined();
  });

  it("is parked until its next token, and at most until its end", () => {
    const parked: StreamEvent = { type: "status", stream_id: "job-1", status: "parked" };
    expect(after(token(0, "a"), parked)).toMatchObject({ phase: "streaming", text: "a", parked: true });
    expect(after(token(0, "a"), parked, token(1, "b"))).not.toHaveProperty("parked");
    expect(after(parked, { ...parked, status: "thinking" })).not.toHaveProperty("parked");
    expect(after(token(0, "a"), parked, end())).not.toHaveProperty("parked");
    expect(stopped(after(parked))).not.toHaveProperty("parked");
  });

  it("is stopped and not broken after a cancel", () => {
    const superseded = after(token(0, "a"), end({ finish_reason: "cancelled", cancelled_by: "superseded" }));
    expect(superseded).toMatchObject({ phase: "stopped", text: "a" });
  });

  it("is broken by an error, with its reason, and can be revived", () => {
    const error = after(token(0, "a"), {
      type: "error",
      stream_id: "job-1",
      code: "engine_failed",
      message: "The engine died.",
      retryable: true,
    });
    expect(error).toMatchObject({ phase: "broken", problem: { code: "engine_failed", message: "The engine died." } });
    expect(revived(error)).toMatchObject({ phase: "streaming", text: "a", lastIndex: 0 });
    expect(revived(error).problem).toBeUndefined();
  });

  it("continues its text with a further job, and adds up the tokens", () => {
    const cut = after(token(0, "One, "), token(1, "two"), end({ finish_reason: "length", stopped_by: "max_tokens" }));
    expect(cut).toMatchObject({ phase: "done", cutShort: true, stoppedBy: "max_tokens", tokens: 3 });
    expect(canContinue(cut)).toBe(true);
    const further = continued(cut, "job-2", 5_000);
    expect(further).toMatchObject({ id: "turn-1", phase: "sending", text: "One, two", lastIndex: -1, attempt: 1 });
    expect(further.cutShort).toBeUndefined();
    const thinking = applyEvent(further, { type: "status", stream_id: "job-2", status: "thinking" }, 5_100);
    expect(thinking.phase).toBe("thinking");
    expect(applyEvent(thinking, token(2, "late"), 5_100)).toBe(thinking);
    const said = applyEvent(thinking, { ...token(0, ", three"), stream_id: "job-2" }, 5_200);
    expect(said).toMatchObject({ phase: "streaming", text: "One, two, three", tokens: 4 });
    expect(applyEvent(said, { ...end(), stream_id: "job-2" }, 5_300)).toMatchObject({ phase: "done", tokens: 6 });
  });

  it("starts over with a further job if it has no text", () => {
    const failed = broken(start, { code: "unavailable", message: "" });
    expect(canContinue(failed)).toBe(false);
    expect(continued(failed, "job-2", 5_000)).toMatchObject({ phase: "sending", sentAt: 5_000, jobId: "job-2" });
    expect(continued(failed, "job-2", 5_000).continuedAfter).toBeUndefined();
  });

  it("reconnects only before its end", () => {
    const lost = withReconnecting(start, 7_000);
    expect(lost).toMatchObject({ reconnecting: true, reconnectAt: 7_000 });
    expect(withReconnecting(lost, 9_000).reconnectAt).toBe(9_000);
    expect(withReconnecting(lost, undefined)).toEqual(start);
    expect(stopped(lost)).not.toHaveProperty("reconnectAt");
    const ended = broken(start, { code: "internal", message: "" });
    expect(withReconnecting(ended, 7_000)).toBe(ended);
  });
});

describe("thoughts and calls", () => {
  const thought = (index: number, ms: number, text = "hm"): TokenEvent =>
    token(index, text, { part: "reasoning", t_ms: ms });

  it("are timed from a thought's first token to the first token of another part", () => {
    const thinking = after(thought(0, 200), thought(1, 4_200));
    expect(thinking).toMatchObject({ thoughts: "hmhm", thoughtMs: 4_000, text: "" });
    expect(isThinking(thinking)).toBe(true);
    const spoken = after(thought(0, 200), thought(1, 4_200), token(2, "Yes", { t_ms: 5_200 }), end());
    expect(spoken).toMatchObject({ thoughts: "hmhm", thoughtMs: 5_000, text: "Yes" });
    expect(isThinking(spoken)).toBe(false);
  });

  it("add up the time of several thoughts", () => {
    const answer = after(
      thought(0, 0),
      token(1, "a", { t_ms: 1_000 }),
      thought(2, 9_000),
      token(3, "b", { t_ms: 9_500 }),
    );
    expect(answer.thoughtMs).toBe(1_500);
    expect(after(thought(0, 0), thought(1, 700), end({ finish_reason: "length" }))).toMatchObject({ thoughtMs: 700 });
    expect(isThinking(stopped(after(thought(0, 0))))).toBe(false);
  });

  it("are separate from the text, and wait for results once they are complete", () => {
    const call = { index: 0, id: "call-a", name: "get_weather" };
    const calling = after(
      token(0, "", { part: "call", call }),
      token(1, '{"city":', { part: "arguments", call: { index: 0 } }),
      token(2, '"Bern"}', { part: "arguments", call: { index: 0 } }),
    );
    expect(calling).toMatchObject({ text: "", calls: [{ ...call, arguments: '{"city":"Bern"}' }] });
    expect(wantsResults(calling)).toBe(false);
    const done = applyEvent(calling, end(), 0);
    expect(wantsResults(done)).toBe(true);
    expect(canContinue({ ...done, text: "I look." })).toBe(false);
    const cut = { id: "call-a", type: "function" as const, function: { name: "", arguments: "" }, cut: true as const };
    const message = { role: "assistant" as const, content: null, tool_calls: [cut] };
    expect(wantsResults(applyEvent(calling, end({ finish_reason: "length", message }), 0))).toBe(false);
  });
});
