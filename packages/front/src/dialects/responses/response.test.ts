import type { EndEvent } from "@waggle/protocol";
import { expect, test } from "vitest";
import { endedResponse, isCut } from "./response.ts";

const timings = { queue_ms: 0, prefill_ms: 0, decode_ms: 0, total_ms: 2_600, tokens_per_second: 0 };
const end: EndEvent = {
  ...{ type: "end", stream_id: "r", finish_reason: "stop", stopped_by: "end", timings },
  usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13, cached_tokens: 4 },
};
const tokens: EndEvent = { ...end, finish_reason: "length", stopped_by: "max_tokens" };

function calling(...cut: readonly boolean[]): EndEvent {
  const calls = cut.map((one, index) => ({
    ...{ id: `${index}`, type: "function" as const, function: { name: "f", arguments: "{}" } },
    ...(one ? { cut: true as const } : {}),
  }));
  return { ...end, message: { role: "assistant", content: null, tool_calls: calls } };
}

test.each([
  ["came to its end", end, false],
  ["ran out of tokens", tokens, true],
  ["called", calling(false), false],
  ["ended within a call", calling(false, true), true],
])("whether an answer is cut that %s", (_, event, cut) => {
  expect(isCut(event)).toBe(cut);
});

test("a response is completed when its job has ended, an incomplete one never", () => {
  const head = { id: "r", created_at: 100, tools: [], model: "m", previous_response_id: null };
  const completedAt = (event: EndEvent) =>
    endedResponse(head, { items: [], reasoningTokens: 0 }, event)["completed_at"];
  expect([completedAt(end), completedAt(tokens)]).toEqual([103, null]);
});
