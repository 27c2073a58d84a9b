// Makes the events of a turn from those of its jobs. Pure.
import type { RecordedStep } from "@waggle/mcp";
import type { EndEvent, TokenEvent } from "@waggle/protocol";

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
