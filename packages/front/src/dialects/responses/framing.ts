// Writes a response as the events of a stream, or as one object. Event types after OpenAI's API reference (Responses, streaming events).
import { sseHeaders } from "@waggle/protocol";
import type { StreamEvent, TerminalEvent } from "@waggle/protocol";
import { encodeSse, encodeSseComment } from "@waggle/protocol/sse";
import { answerTimings } from "../../stream/answer-timings.ts";
import type { Collector, Framing } from "../../generation/dialect.ts";
import { completeEndOf } from "../../stream/framed-chunks.ts";
import { createStreamExtras } from "../../stream/stream-extras.ts";
import type { ExtraFields } from "../../stream/stream-extras.ts";
import { createNumbers } from "./numbering.ts";
import type { Numbering } from "./numbering.ts";
import { createOutput } from "./output.ts";
import type { OutputEvent, OutputOptions } from "./output.ts";
import type { Json } from "./output-items.ts";
import { endedResponse, failedResponse, isCut, ongoingResponse } from "./response.ts";
import type { ResponseHead } from "./response.ts";

/** Number of the first events: response.created and response.in_progress. */
const openingEvents = 2;

export interface ResponseShape extends OutputOptions {
  readonly head: ResponseHead;
  readonly numbering: Numbering;
}

/** @param after only events with a greater sequence number are sent; -1: all */
export function responseFraming(
  { head, numbering, ...options }: ResponseShape,
  after = -1,
  fields: ExtraFields = {},
): Framing {
  const output = createOutput(options);
  const numbers = createNumbers(numbering);
  const extras = createStreamExtras(fields);
  let ended = false;

  function numbered(number: number, type: string, fields: Json = {}): string {
    return number > after ? frame(type, { sequence_number: number, ...fields }) : "";
  }

  function pauses(): string {
    let text = "";
    for (let next = numbers.nextPause(); next !== undefined; next = numbers.nextPause())
      text += numbered(next, "keepalive");
    return text;
  }

  function send(...events: readonly OutputEvent[]): string {
    let text = "";
    for (const { type, ...fields } of events) text += pauses() + numbered(numbers.next(), type, fields);
    return text;
  }

  /** The first events. They must precede all other events, also keep-alives: clients reject a stream that begins with another event. */
  function begin(): string {
    if (numbers.count > 0) return "";
    const response = ongoingResponse(head);
    return send(
      { type: "response.created", response },
      { type: "response.in_progress", response },
      ...output.opening(),
    );
  }

  /**
   * An event with the progress of the prompt. In place of this event, other streams of the response send a keepalive with the same number. No event
   * if another stream is ahead, since the number is then used.
   */
  function progressOf(event: StreamEvent): string {
    const extra = extras.ofEvent(event);
    if (extra === undefined) return "";
    const text = pauses();
    const number = numbers.addPause();
    if (number === undefined) return text;
    return text + numbered(number, "response.in_progress", { response: ongoingResponse(head), ...extra });
  }

  function outputEvents(event: StreamEvent): string {
    const extra = event.type === "token" ? extras.ofToken(event) : {};
    const events = [...output.add(event)];
    const last = events.pop();
    if (last === undefined) return "";
    return send(...events, { ...last, ...extra });
  }

  return {
    headers: sseHeaders,
    cancelledIsError: true,
    errorIsLastWord: true,
    frame(event) {
      return begin() + progressOf(event) + outputEvents(event);
    },
    frameEnd(end) {
      ended = true;
      const cut = isCut(end);
      const last = begin() + progressOf(end) + send(...output.end(cut ? "incomplete" : "completed"));
      const type = cut ? "response.incomplete" : "response.completed";
      const timings = fields.timings_per_token === true ? { timings: answerTimings(end) } : {};
      return last + send({ type, response: endedResponse(head, output, end), ...timings });
    },
    frameError(error) {
      ended = true;
      return begin() + send({ type: "response.failed", response: failedResponse(head, output, error) });
    },
    // Sends an event, since some clients' watchdogs ignore comments. Sends a comment only if there is no number for an event: the stream has ended,
    // or another stream has sent this stream's next event.
    keepAlive() {
      const text = begin() + pauses();
      if (text !== "") return text;
      const next = ended ? undefined : numbers.addPause();
      return next === undefined ? encodeSseComment("keepalive") : numbered(next, "keepalive");
    },
  };
}

/** The number of the response's last event so far. @param events tokens and results; others count as nothing */
export function lastNumberOf(
  { numbering, ...options }: ResponseShape,
  events: Iterable<StreamEvent>,
  terminal: TerminalEvent | undefined,
): number {
  const output = createOutput(options);
  let last = openingEvents + output.opening().length + numbering.pauses.length - 1;
  try {
    for (const event of events) last += output.add(event).length;
    if (terminal === undefined) return last;
    const status = isCut(completeEndOf(terminal)) ? "incomplete" : "completed";
    return last + output.end(status).length + 1;
  } catch {
    // A failed stream ends with one event, response.failed.
    return last + 1;
  }
}

export function responseCollector({ head, ...options }: ResponseShape): Collector {
  const output = createOutput(options);
  return {
    add: (token) => void output.add(token),
    addResult: (result) => void output.add(result),
    body(end) {
      output.end(isCut(end) ? "incomplete" : "completed");
      return endedResponse(head, output, end);
    },
  };
}

function frame(type: string, fields: Json): string {
  return encodeSse({ event: type, data: JSON.stringify({ type, ...fields }) });
}
