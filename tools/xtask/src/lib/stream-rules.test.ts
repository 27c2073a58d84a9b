// Tests the rules of a stream, one broken rule at a time.
import type { StreamEvent } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { createStreamJudge, type StreamRecord } from "./stream-rules.ts";

type Step = StreamEvent | string;

const stream_id = "job-1";
const queued: StreamEvent = { type: "queued", stream_id, position: 0 };
const started: StreamEvent = {
  type: "started",
  stream_id,
  model: "m",
  prompt_tokens: 3,
  cached_tokens: 0,
  queue_ms: 4,
};
const token = (index: number, n?: number): StreamEvent => ({
  type: "token",
  stream_id,
  index,
  text: ` w${index}`,
  t_ms: index * 10,
  ...(n === undefined ? {} : { n }),
});
const end = (completion_tokens: number, finish_reason: "stop" | "length" | "cancelled" = "length"): StreamEvent => ({
  type: "end",
  stream_id,
  finish_reason,
  usage: { prompt_tokens: 3, completion_tokens, total_tokens: 3 + completion_tokens, cached_tokens: 0 },
  timings: { queue_ms: 4, prefill_ms: 1, decode_ms: 1, total_ms: 6, tokens_per_second: 100 },
});
const failed: StreamEvent = { type: "error", stream_id, code: "engine_failed", message: "It died", retryable: true };

function judge(steps: readonly Step[], broken?: string): StreamRecord {
  const judge = createStreamJudge();
  for (const [i, step] of steps.entries()) {
    const frame =
      typeof step === "string"
        ? { data: step }
        : {
            event: step.type,
            data: JSON.stringify(step),
            ...(step.type === "token" ? { id: String(step.index) } : {}),
          };
    judge.take({ frame, arrivalMs: i });
  }
  return judge.finish(broken);
}

describe("a stream that keeps to the protocol", () => {
  it("has no failures, and its text, tokens and times", () => {
    const record = judge([queued, started, token(0), token(1, 3), end(4), "[DONE]"]);
    expect(record).toMatchObject({ failures: [], text: " w0 w1", modelTokens: 4, done: true, queueMs: 4 });
    expect(record.tokens).toEqual([
      { tMs: 0, arrivalMs: 2 },
      { tMs: 10, arrivalMs: 3 },
    ]);
  });

  it("may count the token that ended generation, when it stopped by itself", () => {
    expect(judge([started, token(0), end(2, "stop"), "[DONE]"]).failures).toEqual([]);
    expect(judge([started, token(0), end(2, "length"), "[DONE]"]).failures).toHaveLength(1);
    expect(judge([started, token(0), end(3, "stop"), "[DONE]"]).failures).toHaveLength(1);
  });
});

describe("a stream that does not", () => {
  it.each<[string, readonly Step[], RegExp]>([
    ["a gap", [started, token(0), token(2), end(2), "[DONE]"], /token index 2 where 1 was due/],
    ["a repeated token", [started, token(0), token(0), end(2), "[DONE]"], /token index 0 where 1 was due/],
    ["a token before started", [token(0), started, end(1), "[DONE]"], /a token before started/],
    ["two starts", [started, started, token(0), end(1), "[DONE]"], /a second started/],
    ["queued after started", [started, queued, token(0), end(1), "[DONE]"], /queued after started/],
    ["no end", [started, token(0)], /ended without end or error/],
    ["no [DONE]", [started, token(0), end(1)], /end without \[DONE\]/],
    ["[DONE] without an end", [started, token(0), "[DONE]"], /\[DONE\] without an end/],
    ["two ends", [started, token(0), end(1), end(1), "[DONE]"], /a second terminal event/],
    ["a token after the end", [started, token(0), end(1), token(1), "[DONE]"], /something follows the end/],
    ["more after [DONE]", [started, token(0), end(1), "[DONE]", queued], /something follows the end/],
    ["no text", [started, end(0), "[DONE]"], /carried no text/],
    ["something that is no event", [started, '{"type":"toke"}', token(0), end(1), "[DONE]"], /this is no event/],
    ["another job's event", [started, { ...token(0), stream_id: "job-2" }, end(1), "[DONE]"], /stream_id changed/],
    ["an error", [started, token(0), failed], /The job failed: engine_failed: It died/],
    ["a cancel", [started, token(0), end(1, "cancelled"), "[DONE]"], /The job was cancelled/],
  ])("is told: %s", (_, steps, failure) => {
    expect(judge(steps).failures.join("\n")).toMatch(failure);
  });

  it("is told when frame and event disagree", () => {
    const judge = createStreamJudge();
    judge.take({ frame: { event: "status", data: JSON.stringify(queued) }, arrivalMs: 0 });
    judge.take({ frame: { event: "started", data: JSON.stringify(started) }, arrivalMs: 0 });
    judge.take({ frame: { event: "token", id: "7", data: JSON.stringify(token(0)) }, arrivalMs: 0 });
    expect(judge.finish().failures.join("\n")).toMatch(/is named "status"[\s\S]*has the id "7"/);
  });

  it("says why the connection broke, unless an error event did before", () => {
    expect(judge([started, token(0)], "The stream broke: aborted").failures).toEqual(["The stream broke: aborted"]);
    expect(judge([started, failed], "The stream broke: aborted").failures).toEqual([
      "The job failed: engine_failed: It died",
    ]);
  });

  it("says the same thing a few times at most", () => {
    const tokens = Array.from({ length: 100 }, () => token(5));
    expect(judge([started, ...tokens, end(100), "[DONE]"]).failures.length).toBeLessThan(10);
  });
});
