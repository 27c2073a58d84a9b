// Tests the rules of a stream, one broken rule at a time.
import { createHash } from "node:crypto";
import { SamplingSchema } from "@waggle/protocol";
import type { EndEvent, StreamEvent } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { createStreamJudge, incompleteness, type StreamJudge } from "./stream-rules.ts";

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
  ids: Array.from({ length: n ?? 1 }, () => 7),
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

/** Feeds a judge with the steps. The id of an end follows the last token's id, as workers send it. */
function judgeOf(steps: readonly Step[], after = -1): StreamJudge {
  const judge = createStreamJudge(after);
  let next = after + 1;
  for (const [i, step] of steps.entries()) {
    if (typeof step === "string") judge.take({ data: step }, i);
    else {
      if (step.type === "token") next = step.index + 1;
      const id = step.type === "token" ? { id: String(step.index) } : step.type === "end" ? { id: String(next) } : {};
      judge.take({ event: step.type, data: JSON.stringify(step), ...id }, i);
    }
  }
  return judge;
}

const failuresOf = (steps: readonly Step[], broken?: string): readonly string[] =>
  incompleteness(judgeOf(steps), broken);

const receiptOf = (text: string) => ({
  text_sha256: createHash("sha256").update(text).digest("hex"),
  model_file: null,
  model_sha256: null,
  template_sha256: null,
  seed: 1,
  sampling: SamplingSchema.parse({}),
});

describe("a stream that keeps to the protocol", () => {
  it("may have a receipt, which must be of its text", () => {
    const withReceipt = (text: string): StreamEvent => ({ ...(end(2) as EndEvent), receipt: receiptOf(text) });
    expect(failuresOf([queued, started, token(0), token(1), withReceipt(" w0 w1"), "[DONE]"])).toEqual([]);
    const wrong = failuresOf([queued, started, token(0), token(1), withReceipt(" w0"), "[DONE]"]);
    expect(wrong).toEqual(["The stream breaks the protocol: its receipt is of another text"]);
    expect(judgeOf([started, token(1), withReceipt(" w0 w1"), "[DONE]"], 0).problems).toEqual([]);
  });

  it("has no failures, and reports its text, tokens and times", () => {
    const judge = judgeOf([queued, started, token(0), token(1, 3), end(4), "[DONE]"]);
    expect(incompleteness(judge)).toEqual([]);
    expect(judge).toMatchObject({ problems: [], text: " w0 w1", modelTokens: 4, done: true, queueMs: 4 });
    expect(judge.tokens).toEqual([
      { tMs: 0, arrivalMs: 2 },
      { tMs: 10, arrivalMs: 3 },
    ]);
  });

  it.each<[string, readonly Step[]]>([
    ["fails", [queued, started, token(0), failed]],
    ["ends before it began", [queued, end(0, "cancelled"), "[DONE]"]],
  ])("has no problems when it %s", (_, steps) => {
    expect(judgeOf(steps).problems).toEqual([]);
  });

  it("continues after the index from which it was resumed", () => {
    expect(judgeOf([started, token(5), end(6), "[DONE]"], 4).problems).toEqual([]);
  });

  it("may count the token that ended generation, with the finish reason stop", () => {
    expect(failuresOf([started, token(0), end(2, "stop"), "[DONE]"])).toEqual([]);
    expect(failuresOf([started, token(0), end(2, "length"), "[DONE]"])).toHaveLength(1);
    expect(failuresOf([started, token(0), end(3, "stop"), "[DONE]"])).toHaveLength(1);
  });
});

describe("a stream that breaks the protocol", () => {
  it.each<[string, readonly Step[], RegExp]>([
    ["a gap", [started, token(0), token(2), end(2), "[DONE]"], /token 2 came where 1 was due/],
    ["a repeated token", [started, token(0), token(0), end(2), "[DONE]"], /token 0 came where 1 was due/],
    ["a token before started", [token(0), started, end(1), "[DONE]"], /a token came before started/],
    ["two starts", [started, started, token(0), end(1), "[DONE]"], /started came twice/],
    ["queued after started", [started, queued, token(0), end(1), "[DONE]"], /queued came after started/],
    ["no end", [started, token(0)], /ended without end or error/],
    ["no [DONE]", [started, token(0), end(1)], /end without \[DONE\]/],
    ["[DONE] without an end", [started, token(0), "[DONE]"], /\[DONE\] came without an end/],
    ["two ends", [started, token(0), end(1), end(1), "[DONE]"], /end came after end/],
    ["a token after the end", [started, token(0), end(1), token(1), "[DONE]"], /token came after end/],
    ["more after [DONE]", [started, token(0), end(1), "[DONE]", queued], /something came after \[DONE\]/],
    ["no text", [started, end(0), "[DONE]"], /carried no text/],
    ["something that is no event", [started, '{"type":"toke"}', token(0), end(1), "[DONE]"], /this is no event/],
    ["another job's event", [started, { ...token(0), stream_id: "job-2" }, end(1), "[DONE]"], /stream_id changed/],
    ["an error after the end", [started, token(0), end(1), failed], /error came after end/],
    ["an error", [started, token(0), failed], /The job failed: engine_failed: It died/],
    ["a cancel", [started, token(0), end(1, "cancelled"), "[DONE]"], /The job was cancelled/],
  ])("is reported: %s", (_, steps, failure) => {
    expect(failuresOf(steps).join("\n")).toMatch(failure);
  });

  it("is reported when frame and event disagree", () => {
    const judge = createStreamJudge();
    judge.take({ event: "status", data: JSON.stringify(queued) }, 0);
    judge.take({ event: "started", data: JSON.stringify(started) }, 0);
    judge.take({ event: "token", id: "7", data: JSON.stringify(token(0)) }, 0);
    judge.take({ event: "end", id: "7", data: JSON.stringify(end(1)) }, 0);
    expect(judge.problems).toEqual([
      "an event of type queued came in a frame named status",
      "token 0 came in a frame with the id 7",
      "the end came with the id 7 where 1 was due",
    ]);
  });

  it("reports why the connection broke, unless an error event arrived before", () => {
    const broken = "The stream broke: aborted";
    expect(failuresOf([started, token(0)], broken)).toEqual([broken]);
    expect(failuresOf([started, failed], broken)).toEqual(["The job failed: engine_failed: It died"]);
  });

  it("reports a repeated problem a few times at most", () => {
    const tokens = Array.from({ length: 100 }, () => token(5));
    expect(failuresOf([started, ...tokens, end(100), "[DONE]"]).length).toBeLessThan(10);
  });
});
