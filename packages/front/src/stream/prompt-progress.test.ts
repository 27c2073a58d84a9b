import type { EndEvent, StartedEvent, StatusEvent, TokenEvent } from "@waggle/protocol";
import { expect, test } from "vitest";
import { createPromptProgressReporter } from "./prompt-progress.ts";

const stream_id = "s";
const started: StartedEvent = {
  type: "started",
  stream_id,
  model: "m",
  prompt_tokens: 900,
  cached_tokens: 100,
  queue_ms: 0,
};
const piece = (processed: number, time_ms: number): StatusEvent => ({
  type: "status",
  stream_id,
  status: "thinking",
  prompt_progress: { total: 900, cached: 100, processed, time_ms },
});
const token: TokenEvent = { type: "token", stream_id, index: 0, text: "a", t_ms: 30 };
const end = (finish_reason: EndEvent["finish_reason"]): EndEvent => ({
  type: "end",
  stream_id,
  finish_reason,
  usage: { prompt_tokens: 900, completion_tokens: 0, total_tokens: 900, cached_tokens: 100 },
  timings: { queue_ms: 0, prefill_ms: 25, decode_ms: 0, total_ms: 25, tokens_per_second: 0 },
});

test("each state is reported once, from the cached tokens to the whole prompt", () => {
  const reportOf = createPromptProgressReporter();
  const thinking: StatusEvent = { type: "status", stream_id, status: "thinking" };
  const events = [thinking, started, piece(400, 10), piece(400, 11), piece(700, 20), token, token, end("stop")];
  expect(events.map(reportOf).filter((report) => report !== undefined)).toEqual([
    { total: 900, cache: 100, processed: 100, time_ms: 0 },
    { total: 900, cache: 100, processed: 400, time_ms: 10 },
    { total: 900, cache: 100, processed: 700, time_ms: 20 },
    { total: 900, cache: 100, processed: 900, time_ms: 30 },
  ]);
});

test("the end of an answer without tokens reports the whole prompt, unless the job was cancelled", () => {
  const [computed, cancelled] = [createPromptProgressReporter(), createPromptProgressReporter()];
  for (const reportOf of [computed, cancelled]) reportOf(started);
  expect(computed(end("length"))).toEqual({ total: 900, cache: 100, processed: 900, time_ms: 25 });
  expect(cancelled(end("cancelled"))).toBeUndefined();
});

test("progress before the start event is ignored", () => {
  const reportOf = createPromptProgressReporter();
  expect(reportOf(piece(400, 10))).toBeUndefined();
  expect(reportOf(started)).toMatchObject({ processed: 100 });
});
