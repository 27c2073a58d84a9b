// Keeps the events of a job's stream so far, bounded in bytes, and notifies readers of new events.
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

// The sizes are bytes in V8's heap, estimated rather high. A test compares the estimate for logprobs with the heap.
/** A token event without its text: the object, its fields, its array element. */
const tokenOverheadBytes = 120;
/** An entry of logprobs, or one of its alternatives: an object of numbers and an array of bytes. */
const logprobBytes = 120;
/** A receipt without its logit_bias. */
const receiptBytes = 1_024;
/** An entry of the receipt's logit_bias. */
const biasBytes = 64;
/** An element of a small array. */
const elementBytes = 8;

export interface ReplayLog {
  /** The latest queued or status event, which replaces the one before; `number` counts these events. */
  readonly waiting: { readonly event: QueuedEvent | StatusEvent; readonly number: number } | undefined;
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
  /** Calls the listener after every append. Returns the function that removes the listener. */
  subscribe(listener: () => void): () => void;
}

/**
 * @param maxBytes most bytes of the token events; beyond this limit the oldest events are dropped, and a reader that still needs them is cut off
 * @param firstIndex index of the first token event, above 0 after another worker's output; "any" accepts any index
 */
export function createReplayLog(maxBytes: number, firstIndex: number | "any" = 0): ReplayLog {
  let waiting: ReplayLog["waiting"];
  let started: StartedEvent | undefined;
  let terminal: TerminalEvent | undefined;
  let tokens: TokenEvent[] = [];
  /** Number of entries, from the first, that count as dropped but are still in `tokens`. */
  let dropped = 0;
  /** Index of the event `tokens[0]`. */
  let base = firstIndex === "any" ? 0 : firstIndex;
  let begun = firstIndex !== "any";
  let bytes = 0;
  const listeners = new Set<() => void>();

  function appendToken(event: TokenEvent): void {
    if (!begun) base = event.index;
    begun = true;
    const expected = base + tokens.length;
    if (event.index !== expected) throw new Error(`Token ${event.index} instead of ${expected}`);
    tokens.push(event);
    bytes += costOf(event);
    while (bytes > maxBytes && tokens.length - dropped > 1) {
      bytes -= costOf(tokens[dropped] as TokenEvent);
      dropped += 1;
    }
    // The array is cut only when half of it is dropped, so that an append takes constant time on average.
    if (dropped > 64 && dropped * 2 > tokens.length) {
      tokens = tokens.slice(dropped);
      base += dropped;
      dropped = 0;
    }
  }

  return {
    get waiting() {
      return waiting;
    },
    get started() {
      return started;
    },
    get terminal() {
      return terminal;
    },
    get firstToken() {
      return base + dropped;
    },
    get nextToken() {
      return base + tokens.length;
    },
    get bytes() {
      return bytes;
    },
    append(event) {
      if (terminal !== undefined) throw new Error(`Event ${event.type} after the stream's end`);
      switch (event.type) {
        case "queued":
        case "status":
          waiting = { event, number: (waiting?.number ?? 0) + 1 };
          break;
        case "started":
          started = event;
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
          throw new Error(`Event ${event.type} is of a turn, not of a job`);
      }
      for (const listener of listeners) listener();
    },
    tokensFrom(index, limit) {
      const from = index - base;
      return tokens.slice(from, from + limit);
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

function costOf({ text, ids = [], logprobs }: TokenEvent): number {
  let bytes = tokenOverheadBytes + text.length * 2 + elementBytes * ids.length;
  for (const entry of logprobs ?? []) {
    bytes += logprobBytes + elementBytes * entry.bytes.length;
    for (const top of entry.top) bytes += logprobBytes + elementBytes * top.bytes.length;
  }
  return bytes;
}
