// Writes a streamed answer in Anthropic's dialect: message_start, events of blocks, message_delta, message_stop.
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
  /** The probable type of the first block. */
  readonly opening: "thinking" | "text";
  readonly clock: Clock;
  readonly pingIntervalMs: number;
}

const nothingYet = { prompt_tokens: 0, cached_tokens: 0, completion_tokens: 0 } as const;

/**
 * Claude Code's watchdog ignores pings and comments, so the keep-alive is an empty delta. If the prompt's token counts are not known yet,
 * message_start has zeros; the last message_delta always has the counts.
 */
export function anthropicFraming(
  job: Job,
  { model, requestId, opening, clock, pingIntervalMs }: AnthropicStream,
): Framing {
  const blocks = createBlockStream(job);
  let begun = false;
  let sentAt = clock.now();

  function start(usage: Omit<Usage, "total_tokens">): readonly AnthropicEvent[] {
    if (begun) return [];
    begun = true;
    const empty = { content: [], stop_reason: null, stop_sequence: null };
    return [{ type: "message_start", message: { ...headOf(job, model), ...empty, usage: anthropicUsage(usage) } }];
  }

  function send(events: readonly AnthropicEvent[]): string {
    if (events.length > 0) sentAt = clock.now();
    return events.map((event) => encodeSse({ event: event.type, data: JSON.stringify(event) })).join("");
  }

  return {
    headers: sseHeaders,
    cancelledIsError: true,
    frame(event) {
      switch (event.type) {
        case "queued":
        case "status":
        case "tool_call":
        case "tool_result":
          return "";
        case "started":
          return send(start({ ...event, completion_tokens: 0 }));
        case "token":
          return send(blocks.token(event));
      }
    },
    frameEnd: (end) =>
      send([
        ...blocks.close(),
        {
          type: "message_delta",
          delta: { ...stopOf(end, blocks.calls), container: null, stop_details: null },
          usage: anthropicUsage(end.usage),
        },
        { type: "message_stop" },
      ]),
    frameError: (error) => send([anthropicError(error, requestId)]),
    keepAlive(why) {
      // Events without text may be frequent: they must neither start the message early nor postpone the keep-alive delta for ever.
      const due = why === "silent" || clock.now() - sentAt >= pingIntervalMs;
      return due ? send([...start(nothingYet), ...blocks.nothing(opening)]) : encodeSseComment("waiting");
    },
  };
}
