// Owns the rules that every stream keeps however it ends: order, gapless indexes, one terminal event and nothing after it. Pure.
import { DONE, StreamEventSchema, isTerminal, type StreamEvent, type TerminalEvent } from "@waggle/protocol";
import type { SseFrame } from "@waggle/sse";

export interface StreamOrder {
  /** The frame's event; undefined for `[DONE]`, and for what is no event. */
  take(frame: SseFrame): StreamEvent | undefined;
  /** What was wrong so far. */
  readonly problems: readonly string[];
  readonly terminal: TerminalEvent | undefined;
  /** `[DONE]` has come. */
  readonly done: boolean;
}

/** One broken rule tends to be broken by each event. */
const problemsLimit = 5;

/** @param after the token index from which the stream was resumed; -1 for a stream from its beginning */
export function createStreamOrder(after: number): StreamOrder {
  const problems: string[] = [];
  let nextIndex = after + 1;
  let started = false;
  let terminal: TerminalEvent | undefined;
  let done = false;

  function complain(problem: string): void {
    if (problems.length < problemsLimit) problems.push(problem);
  }

  function check(event: StreamEvent, frame: SseFrame): void {
    if (frame.event !== event.type)
      complain(`an event of type ${event.type} came in a frame named ${frame.event ?? ""}`);
    if (terminal !== undefined) complain(`${event.type} came after ${terminal.type}`);
    switch (event.type) {
      case "queued":
        if (started) complain("queued came after started");
        break;
      case "status":
        break;
      case "started":
        if (started) complain("started came twice");
        started = true;
        break;
      case "token":
        if (!started) complain("a token came before started");
        if (event.index !== nextIndex) complain(`token ${event.index} came where ${nextIndex} was due`);
        if (frame.id !== String(event.index))
          complain(`token ${event.index} came in a frame with the id ${frame.id ?? ""}`);
        nextIndex = event.index + 1;
        break;
      case "end":
        if (frame.id !== String(nextIndex))
          complain(`the end came with the id ${frame.id ?? ""} where ${nextIndex} was due`);
        break;
      case "error":
        break;
    }
  }

  return {
    take(frame) {
      if (done) complain(`something came after ${DONE}`);
      if (frame.data === DONE) {
        if (terminal?.type !== "end") complain(`${DONE} came without an end before it`);
        done = true;
        return undefined;
      }
      const parsed = StreamEventSchema.safeParse(jsonOf(frame.data));
      if (!parsed.success) {
        complain(`this is no event: ${frame.data.slice(0, 100)}`);
        return undefined;
      }
      check(parsed.data, frame);
      if (isTerminal(parsed.data)) terminal ??= parsed.data;
      return parsed.data;
    },
    problems,
    get terminal() {
      return terminal;
    },
    get done() {
      return done;
    },
  };
}

function jsonOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
