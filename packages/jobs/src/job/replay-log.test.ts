import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { SamplingSchema } from "@waggle/protocol";
import type { TokenEvent } from "@waggle/protocol";
import { createReplayLog } from "./replay-log.ts";

const token = (index: number, text = "ab"): TokenEvent => ({ type: "token", stream_id: "s", index, text, t_ms: index });
const costOfTwoChars = 124;
const about = { stream_id: "s", call_id: "c", server: "s", tool: "t" };

describe("replay log", () => {
  it("refuses a token whose index leaves a gap or is repeated", () => {
    const log = createReplayLog(10_000);
    log.append(token(0));
    expect(() => log.append(token(0))).toThrow("Token 0 instead of 1");
    expect(() => log.append(token(2))).toThrow("Token 2 instead of 1");
    log.append(token(1));
    expect(log.tokensFrom(1, 10).map((event) => event.index)).toEqual([1]);
  });

  it("refuses events after the terminal event", () => {
    const log = createReplayLog(10_000);
    log.append({ type: "error", stream_id: "s", code: "internal", message: "x", retryable: false });
    expect(() => log.append(token(0))).toThrow("after the stream's end");
  });

  it("keeps only the latest waiting event", () => {
    const log = createReplayLog(10_000);
    log.append({ type: "queued", stream_id: "s", position: 3 });
    log.append({ type: "status", stream_id: "s", status: "thinking" });
    expect(log.marks).toEqual([{ event: { type: "status", stream_id: "s", status: "thinking" }, at: 0, number: 2 }]);
  });

  it("has the events of calls at their places among the tokens, and drops them with the tokens before them", () => {
    const log = createReplayLog(2_000);
    const result = { type: "tool_result", ...about, outcome: "done", text: "x".repeat(100) } as const;
    log.append(token(0));
    log.append({ type: "tool_call", ...about, state: "running" });
    log.append(result);
    log.append(token(1));
    expect(log.output().map(({ type }) => type)).toEqual(["token", "tool_call", "tool_result", "token"]);
    log.append({ ...result, text: "x".repeat(600) });
    expect(log.firstToken).toBe(1);
    // A reader that has the first token still gets the calls after it.
    expect(log.output().map(({ type }) => type)).toEqual(["tool_call", "tool_result", "token", "tool_result"]);
    const { bytes } = log;
    for (let index = 2; index < 40; index += 1) log.append(token(index));
    expect(log.output().every(({ type }) => type === "token")).toBe(true);
    expect(log.bytes).toBeLessThan(bytes + 40 * costOfTwoChars);
    expect(log.bytes).toBeLessThanOrEqual(2_000);
  });

  it("stays within its limit of bytes, and has the index of the oldest token", () => {
    const log = createReplayLog(costOfTwoChars * 10);
    for (let index = 0; index < 5_000; index += 1) {
      log.append(token(index));
      expect(log.bytes).toBeLessThanOrEqual(costOfTwoChars * 10);
    }
    expect(log.firstToken).toBe(4_990);
    expect(log.nextToken).toBe(5_000);
    expect(log.tokensFrom(4_990, 3).map((event) => event.index)).toEqual([4_990, 4_991, 4_992]);
    expect(log.tokensFrom(4_999, 256).map((event) => event.index)).toEqual([4_999]);
  });

  it("counts the bytes of a receipt's biases, of which there may be a thousand", () => {
    const bytesWith = (count: number): number => {
      const log = createReplayLog(Infinity);
      const logit_bias = Object.fromEntries(Array.from({ length: count }, (_, i) => [String(i), 1]));
      const sampling = SamplingSchema.parse({ logit_bias });
      const hashes = { text_sha256: "0".repeat(64), model_file: null, model_sha256: null, template_sha256: null };
      log.append({
        type: "end",
        stream_id: "s",
        finish_reason: "stop",
        usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cached_tokens: 0 },
        timings: { queue_ms: 0, prefill_ms: 0, decode_ms: 0, total_ms: 0, tokens_per_second: 0 },
        receipt: { ...hashes, seed: 1, sampling },
      });
      return log.bytes;
    };
    expect(bytesWith(0)).toBeGreaterThan(0);
    expect(bytesWith(1_000) - bytesWith(0)).toBeGreaterThan(30_000);
  });

  it("counts the heap bytes of logprobs", () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const log = createReplayLog(Infinity);
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 2_000; index += 1) {
      const alternative = (i: number) => ({ id: i, bytes: [...Buffer.from(` word${i}`)], logprob: -i - 0.5 });
      const top = Array.from({ length: 20 }, (_, i) => alternative(i));
      log.append({ ...token(index, ` word${index}`), logprobs: [{ ...alternative(index), top }] });
    }
    collect();
    const used = process.memoryUsage().heapUsed - before;
    expect(used).toBeGreaterThan(log.bytes / 3);
    expect(used).toBeLessThan(log.bytes * 1.25);
  });

  it("keeps a single token that exceeds the limit", () => {
    const log = createReplayLog(10);
    log.append(token(0, "x".repeat(100)));
    expect(log.firstToken).toBe(0);
  });

  it("calls its subscribers after every append until they unsubscribe", () => {
    const log = createReplayLog(1_000);
    let heard = 0;
    const stop = log.subscribe(() => (heard += 1));
    log.append(token(0));
    stop();
    log.append(token(1));
    expect(heard).toBe(1);
  });
});
