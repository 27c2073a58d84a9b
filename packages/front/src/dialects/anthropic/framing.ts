// Owns a streamed answer in Anthropic's dialect: message_start, its blocks, message_delta, message_stop, each as an event with its name.
import type { Clock } from "@waggle/async";
import type { Job } from "@waggle/jobs";
import { sseHeaders } from "@waggle/protocol";
import type { AnthropicEvent, Usage } from "@waggle/protocol";
import { encodeSse, encodeSseComment } from "@waggle/protocol/sse";
import type { Framing } from "../../generation/dialect.ts";
import { anthropicUsage, headOf, stopOf } from "./answer.ts";
import { createBlockStream } from "./block-stream.ts";
import { anthropicError } from "./errors.ts";

export interface AnthropicStream {
  readonly model: string;
  readonly requestId: string;
  /** The type of block with which the answer most probably begins. */
  readonly opening: "thinking" | "text";
  readonly clock: Clock;
  readonly pingIntervalMs: number;
}

const nothingYet = { prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0 } as const;

/**
 * Claude Code's watchdog does not count pings and comments, only deltas: after a silence an empty delta is sent, even before the
 * prompt's counts are known. The last message_delta has them in any case.
 */
export function anthropicFraming(
  job: Job,
  { model, requestId, opening, clock, pingIntervalMs }: AnthropicStream,
): Framing {
  const blocks = createBlockStream(job);
  let begun = false;
  let spokenAt = clock.now();

  function start(usage: Omit<Usage, "total_tokens">): readonly AnthropicEvent[] {
    if (begun) return [];
    begun = true;
    const empty = { content: [], stop_reason: null, stop_sequence: null };
    return [{ type: "message_start", message: { ...headOf(job, model), ...empty, usage: anthropicUsage(usage) } }];
  }

  function say(events: readonly AnthropicEvent[]): string {
    if (events.length > 0) spokenAt = clock.now();
    return events.map((event) => encodeSse({ event: event.type, data: JSON.stringify(event) })).join("");
  }

  return {
    headers: sseHeaders,
    cancelledIsError: true,
    frame(event) {
      switch (event.type) {
        case "queued":
        case "status":
          return "";
        case "started":
          return say(start({ ...event, completion_tokens: 0 }));
        case "token":
          return say(blocks.token(event));
      }
    },
    frameEnd: (end) =>
      say([
        ...blocks.close(),
        { type: "message_delta", delta: stopOf(end, blocks.calls), usage: anthropicUsage(end.usage) },
        { type: "message_stop" },
      ]),
    frameError: (error) => say([anthropicError(error, requestId)]),
    keepAlive(why) {
      // What has no frame may come often: it must neither open an answer early nor put the delta off for ever.
      const due = why === "silent" || clock.now() - spokenAt >= pingIntervalMs;
      return due ? say([...start(nothingYet), ...blocks.nothing(opening)]) : encodeSseComment("waiting");
    },
  };
}
