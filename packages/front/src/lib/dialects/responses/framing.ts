// Owns how a response leaves: as the events of a stream, or as one object. Event types after OpenAI's API reference (Responses, streaming
// events).
import { sseHeaders } from "@waggle/protocol";
import { encodeSse } from "@waggle/sse";
import type { Collector, Framing } from "../../dialect.ts";
import { createOutput } from "./output.ts";
import type { OutputEvent, OutputOptions } from "./output.ts";
import type { Json } from "./output-items.ts";
import { endedResponse, failedResponse, isCut, ongoingResponse } from "./response.ts";
import type { ResponseHead } from "./response.ts";

export interface ResponseShape extends OutputOptions {
  readonly head: ResponseHead;
}

/** @param after only events with a greater sequence number are sent; -1: all */
export function responseFraming({ head, ...options }: ResponseShape, after = -1): Framing {
  const output = createOutput(options);
  let sequenceNumber = 0;

  function send(...events: readonly OutputEvent[]): string {
    let text = "";
    for (const { type, ...fields } of events) {
      const number = sequenceNumber;
      sequenceNumber += 1;
      if (number > after) text += frame(type, { sequence_number: number, ...fields });
    }
    return text;
  }

  /** Before anything else, also before a sign of life: clients take no stream that begins otherwise. */
  function begin(): string {
    if (sequenceNumber > 0) return "";
    const response = ongoingResponse(head);
    return send({ type: "response.created", response }, { type: "response.in_progress", response });
  }

  return {
    headers: sseHeaders,
    cancelledIsError: true,
    errorIsLastWord: true,
    frame: (event) => begin() + (event.type === "token" ? send(...output.add(event)) : ""),
    frameEnd(end) {
      const cut = isCut(end);
      const last = begin() + send(...output.end(cut ? "incomplete" : "completed"));
      const type = cut ? "response.incomplete" : "response.completed";
      return last + send({ type, response: endedResponse(head, output, end) });
    },
    frameError: (error) => begin() + send({ type: "response.failed", response: failedResponse(head, output, error) }),
    // An event and no comment, for those whose watchdogs count events; without a number of its own, so that a replay has the same ones. Never
    // behind what its reader has: clients resume after the last number that they saw.
    keepAlive: () => begin() + frame("keepalive", { sequence_number: Math.max(after, sequenceNumber - 1) }),
  };
}

export function responseCollector({ head, ...options }: ResponseShape): Collector {
  const output = createOutput(options);
  return {
    add: (token) => void output.add(token),
    body(end) {
      output.end(isCut(end) ? "incomplete" : "completed");
      return endedResponse(head, output, end);
    },
  };
}

function frame(type: string, fields: Json): string {
  return encodeSse({ event: type, data: JSON.stringify({ type, ...fields }) });
}
