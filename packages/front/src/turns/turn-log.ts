// Owns the events of a turn so far, which any number of readers follow. Token events and calls are numbered through all steps, so that the stream
// of a turn looks like the stream of one job.
import { createListeners } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { WaggleError, isTerminal } from "@waggle/protocol";
import type { StreamEvent, TerminalEvent, TokenEvent } from "@waggle/protocol";

/** Estimates of an event's bytes without its text, and of an entry of its logprobs. */
const eventBytes = 240;
const logprobBytes = 120;
/** Bytes of a turn's events. At the limit the turn ends. */
const mostBytes = 33_554_432;
const eventsPerPull = 256;

export interface TurnLog {
  readonly events: readonly StreamEvent[];
  /** Estimate of the events' bytes. */
  readonly bytes: number;
  /** Number of token events. */
  readonly nextToken: number;
  readonly terminal: TerminalEvent | undefined;
  /** Begins the calls of a further message. */
  nextStep(): void;
  /** Adds an event, under the turn's id. @throws WaggleError resource_exhausted */
  add(event: StreamEvent): void;
  subscribe(listener: () => void): () => void;
}

export function createTurnLog(keys: { readonly stream_id: string; readonly session_id?: string }): TurnLog {
  const events: StreamEvent[] = [];
  const added = createListeners<[]>();
  let tokens = 0;
  let calls = 0;
  let callsBefore = 0;
  let bytes = 0;
  let terminal: TerminalEvent | undefined;

  function numbered(event: TokenEvent): TokenEvent {
    const call = event.call === undefined ? {} : { call: { ...event.call, index: callsBefore + event.call.index } };
    if (event.call !== undefined) calls = Math.max(calls, callsBefore + event.call.index + 1);
    return { ...event, index: tokens, ...call };
  }

  return {
    events,
    get bytes() {
      return bytes;
    },
    get nextToken() {
      return tokens;
    },
    get terminal() {
      return terminal;
    },
    nextStep() {
      callsBefore = calls;
    },
    add(event) {
      if (terminal !== undefined) return;
      bytes += costOf(event);
      if (bytes > mostBytes && !isTerminal(event)) {
        throw new WaggleError("resource_exhausted", `The turn has more than ${mostBytes} bytes of events.`);
      }
      const own = { ...(event.type === "token" ? numbered(event) : event), ...keys };
      events.push(own);
      if (own.type === "token") tokens += 1;
      if (isTerminal(own)) terminal = own;
      added.call();
    },
    subscribe: added.add,
  };
}

function costOf(event: StreamEvent): number {
  const text = "text" in event ? 2 * event.text.length : 0;
  const logprobs = event.type === "token" ? (event.logprobs ?? []) : [];
  return eventBytes + text + logprobs.reduce((sum, { top }) => sum + logprobBytes * (1 + top.length), 0);
}

export interface TurnReader {
  /** The next events; an empty list is a ping. */
  next(): Promise<IteratorResult<readonly StreamEvent[]>>;
  close(): void;
}

/** @param after index of the last token event that the client has; -1 for all events */
export function createTurnReader(
  log: TurnLog,
  after: number,
  {
    clock,
    pingIntervalMs,
    onClose,
  }: { readonly clock: Clock; readonly pingIntervalMs: number; readonly onClose: () => void },
): TurnReader {
  let at = startAfter(log, after);
  let closed = false;
  let finished = false;
  let wake: (() => void) | undefined;
  const unsubscribe = log.subscribe(() => wake?.());

  function close(): void {
    if (closed) return;
    closed = true;
    unsubscribe();
    wake?.();
    onClose();
  }

  return {
    async next() {
      if (!closed && !finished && at >= log.events.length) {
        await new Promise<void>((resolve) => {
          const timer = clock.setTimeout(resolve, pingIntervalMs);
          wake = () => {
            timer.cancel();
            resolve();
          };
        });
        wake = undefined;
      }
      if (closed || finished) {
        close();
        return { done: true, value: undefined };
      }
      const batch = log.events.slice(at, at + eventsPerPull);
      at += batch.length;
      finished = batch.some(isTerminal);
      return { done: false, value: batch };
    },
    close,
  };
}

/** A client that claims more tokens than there are gets only later events, and the end. */
function startAfter({ events, nextToken, terminal }: TurnLog, after: number): number {
  if (after >= nextToken) return terminal === undefined ? events.length : events.length - 1;
  return after < 0 ? 0 : events.findIndex((event) => event.type === "token" && event.index === after) + 1;
}
