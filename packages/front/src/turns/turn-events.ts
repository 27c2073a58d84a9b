// Makes the events of a turn from those of its jobs. Pure.
import type { RecordedStep } from "@waggle/mcp";
import type { CancelledBy, EndEvent, TokenEvent } from "@waggle/protocol";

/** The tokens of a recorded message, as far as its texts say. The turn numbers them. */
export function stepEvents({
  content,
  reasoning_content: reasoning = "",
  tool_calls: calls,
}: RecordedStep): readonly TokenEvent[] {
  const token = { type: "token", stream_id: "", index: 0, t_ms: 0 } as const;
  return [
    ...(reasoning === "" ? [] : [{ ...token, part: "reasoning" as const, text: reasoning }]),
    ...(content === null || content === "" ? [] : [{ ...token, part: "content" as const, text: content }]),
    ...calls.flatMap(({ id, function: { name, arguments: text } }, index): TokenEvent[] => [
      { ...token, part: "call", text: "", call: { index, id, name } },
      { ...token, part: "arguments", text, call: { index } },
    ]),
  ];
}

/** The end of a turn: that of its last job, with the counts of all jobs. */
export function turnEnd(
  last: EndEvent,
  ends: readonly EndEvent[],
  keys: { readonly stream_id: string },
  totalMs: number,
): EndEvent {
  const all = ends.includes(last) ? ends : [...ends, last];
  const sum = (of: (end: EndEvent) => number): number => all.reduce((total, end) => total + of(end), 0);
  const decodeMs = sum(({ timings }) => timings.decode_ms);
  const decoded = sum(({ usage }) => Math.max(0, usage.completion_tokens - 1));
  const { receipt, ...rest } = last;
  return {
    ...rest,
    ...keys,
    usage: {
      prompt_tokens: sum(({ usage }) => usage.prompt_tokens),
      completion_tokens: sum(({ usage }) => usage.completion_tokens),
      total_tokens: sum(({ usage }) => usage.total_tokens),
      cached_tokens: sum(({ usage }) => usage.cached_tokens),
    },
    timings: {
      queue_ms: sum(({ timings }) => timings.queue_ms),
      prefill_ms: sum(({ timings }) => timings.prefill_ms),
      decode_ms: decodeMs,
      total_ms: totalMs,
      tokens_per_second: decodeMs > 0 ? (decoded * 1_000) / decodeMs : 0,
    },
    // A receipt is of one prompt and one answer.
    ...(receipt !== undefined && all.length === 1 ? { receipt } : {}),
  };
}

const nothing = {
  stream_id: "",
  usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cached_tokens: 0 },
  timings: { queue_ms: 0, prefill_ms: 0, decode_ms: 0, total_ms: 0, tokens_per_second: 0 },
} as const;

/** The end of a turn that was cancelled while no job of it ran. */
export function cancelledEnd(by: CancelledBy): EndEvent {
  return { type: "end", ...nothing, finish_reason: "cancelled", cancelled_by: by };
}

/** The end of a turn whose last message an earlier process has recorded. */
export function recordedEnd({ content, reasoning_content: reasoning, tool_calls: calls }: RecordedStep): EndEvent {
  const thoughts = reasoning === undefined ? {} : { reasoning_content: reasoning };
  const message = { role: "assistant" as const, content, ...thoughts, tool_calls: calls };
  return { type: "end", ...nothing, finish_reason: "stop", message };
}
