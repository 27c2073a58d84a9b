// Keeps the events of a job's stream so far, bounded in bytes, and notifies readers of new events. The log is the tokens, and marks between them.
import type {
  AnswerMessage,
  EndEvent,
  QueuedEvent,
  StartedEvent,
  StatusEvent,
  StreamEvent,
  TerminalEvent,
  TokenEvent,
} from "@waggle/protocol";
import type { CallEvent } from "./job-calls.ts";

// The sizes are bytes in V8's heap, estimated rather high. A test compares the estimate for logprobs with the heap.
/** A token event without its text: the object, its fields, its array element. */
const tokenOverheadBytes = 120;
/** The event of a call without its text. */
const callBytes = 400;
/** An entry of logprobs, or one of its alternatives: an object of numbers and an array of bytes. */
const logprobBytes = 120;
/** A receipt without its logit_bias. */
const receiptBytes = 1_024;
/** An entry of the receipt's logit_bias. */
const biasBytes = 64;
/** An element of a small array. */
const elementBytes = 8;

/** An event that is not a token, at its place among the tokens. */
export interface Mark {
  readonly event: QueuedEvent | StatusEvent | StartedEvent | CallEvent;
  /** Index of the token event that follows the mark. */
  readonly at: number;
  /** Counts the marks, from 1. */
  readonly number: number;
}

export interface ReplayLog {
  /** In order. Only the latest queued or status event is there: it replaces the one before. */
  readonly marks: readonly Mark[];
  readonly waiting: Mark | undefined;
  /** The event of the job's latest step. */
  readonly started: StartedEvent | undefined;
  readonly terminal: TerminalEvent | undefined;
  /** Index of the oldest token event in the log. */
  readonly firstToken: number;
  /** Index of the next token event. */
  readonly nextToken: number;
  readonly bytes: number;
  /** @throws Error after the terminal event, or for a token event with another index than `nextToken` */
  append(event: StreamEvent): void;
  /** Returns the token events from this index, at most `limit`. The index must be at least `firstToken`. */
  tokensFrom(index: number, limit: number): readonly TokenEvent[];
  /** Returns the tokens so far, with the events of calls at their places. */
  output(): readonly (TokenEvent | CallEvent)[];
  /** Calls the listener after every append. Returns the function that removes the listener. */
  subscribe(listener: (event: StreamEvent) => void): () => void;
}

/**
 * @param maxBytes most bytes of the tokens and calls; beyond this limit the oldest events are dropped, and a reader that still needs them is cut off
 * @param firstIndex index of the first token event, above 0 after another worker's output; "any" accepts any index
 */
export function createReplayLog(maxBytes: number, firstIndex: number | "any" = 0): ReplayLog {
  let marks: Mark[] = [];
  let lastNumber = 0;
  let terminal: TerminalEvent | undefined;
  let tokens: TokenEvent[] = [];
  /** Number of entries, from the first, that count as dropped but are still in `tokens`. */
  let dropped = 0;
  /** Index of the event `tokens[0]`. */
  let base = firstIndex === "any" ? 0 : firstIndex;
  let begun = firstIndex !== "any";
  let bytes = 0;
  const listeners = new Set<(event: StreamEvent) => void>();

  const nextToken = (): number => base + tokens.length;
  const firstToken = (): number => base + dropped;

  function mark(event: Mark["event"]): void {
    marks.push({ event, at: nextToken(), number: (lastNumber += 1) });
  }

  /** The newest token stays, and all calls after it. */
  function dropOldest(): void {
    const first = dropped;
    while (bytes > maxBytes && tokens.length - dropped > 1) {
      bytes -= costOf(tokens[dropped] as TokenEvent);
      dropped += 1;
      const lost = marks.filter(({ event, at }) => isCall(event) && at < firstToken());
      for (const { event } of lost) bytes -= costOf(event as CallEvent);
      if (lost.length > 0) marks = marks.filter((one) => !lost.includes(one));
    }
    // The array is cut only when half of it is dropped, so that an append takes constant time on average.
    if (dropped === first || dropped <= 64 || dropped * 2 <= tokens.length) return;
    tokens = tokens.slice(dropped);
    base += dropped;
    dropped = 0;
  }

  function appendToken(event: TokenEvent): void {
    if (!begun) base = event.index;
    begun = true;
    if (event.index !== nextToken()) throw new Error(`Token ${event.index} instead of ${nextToken()}`);
    tokens.push(event);
    bytes += costOf(event);
    dropOldest();
  }

  return {
    get marks() {
      return marks;
    },
    get waiting() {
      return marks.findLast(({ event }) => isWait(event));
    },
    get started() {
      return marks.findLast(isStart)?.event;
    },
    get terminal() {
      return terminal;
    },
    get firstToken() {
      return firstToken();
    },
    get nextToken() {
      return nextToken();
    },
    get bytes() {
      return bytes;
    },
    append(event) {
      if (terminal !== undefined) throw new Error(`Event ${event.type} after the stream's end`);
      switch (event.type) {
        case "queued":
        case "status":
          marks = marks.filter((one) => !isWait(one.event));
          mark(event);
          break;
        case "started":
          mark(event);
          break;
        case "token":
          appendToken(event);
          break;
        case "end":
        case "error":
          terminal = event;
          bytes += lastCostOf(event);
          break;
        case "tool_call":
        case "tool_result":
          mark(event);
          bytes += costOf(event);
          dropOldest();
          break;
      }
      for (const listener of listeners) listener(event);
    },
    tokensFrom(index, limit) {
      const from = index - base;
      return tokens.slice(from, from + limit);
    },
    output() {
      const calls = marks.filter(({ event }) => isCall(event));
      let next = dropped;
      const before = calls.flatMap(({ event, at }) => {
        const until = at - base;
        const part = [...tokens.slice(next, until), event as CallEvent];
        next = until;
        return part;
      });
      return [...before, ...tokens.slice(next)];
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Returns the bytes of the message and receipt in an end event. */
function lastCostOf(event: TerminalEvent): number {
  if (event.type === "error") return 0;
  const { receipt } = event;
  const biases = Object.keys(receipt?.sampling.logit_bias ?? {}).length;
  return (receipt === undefined ? 0 : receiptBytes + biasBytes * biases) + messageCostOf(event);
}

function messageCostOf(event: EndEvent): number {
  const messages = event.choices?.map(({ message }) => message) ?? [event.message];
  return 2 * messages.reduce((chars, message) => chars + (message === undefined ? 0 : charsOf(message)), 0);
}

function charsOf({ content, reasoning_content: reasoning = "", tool_calls: calls = [] }: AnswerMessage): number {
  const textChars = (content ?? "").length + reasoning.length;
  return calls.reduce((sum, call) => sum + call.function.arguments.length, textChars);
}

/** Whether the event says why the job waits, or how far it is. */
export function isWait(event: StreamEvent): event is QueuedEvent | StatusEvent {
  return event.type === "queued" || event.type === "status";
}

function isCall(event: StreamEvent): event is CallEvent {
  return event.type === "tool_call" || event.type === "tool_result";
}

function isStart(mark: Mark): mark is Mark & { readonly event: StartedEvent } {
  return mark.event.type === "started";
}

function costOf(event: TokenEvent | CallEvent): number {
  if (event.type === "tool_call") return callBytes;
  if (event.type === "tool_result") return callBytes + event.text.length * 2;
  const { text, ids = [], logprobs } = event;
  let bytes = tokenOverheadBytes + text.length * 2 + elementBytes * ids.length;
  for (const entry of logprobs ?? []) {
    bytes += logprobBytes + elementBytes * entry.bytes.length;
    for (const top of entry.top) bytes += logprobBytes + elementBytes * top.bytes.length;
  }
  return bytes;
}
