// Opens a stream when it is iterated, validates every event, and aborts the request as soon as the consumer leaves.
import { onAbort } from "@waggle/async";
import { DONE } from "@waggle/protocol";
import { createNdjsonDecoder, createSseDecoder, decodeStream, sourceOf } from "@waggle/protocol/sse";
import type { Decoder, Source } from "@waggle/protocol/sse";
import { validate, type Schema } from "./answer.ts";

/** The stream broke off, or carried something that is not an event. The events before that were valid. */
export class BrokenStreamError extends Error {
  override readonly name = "BrokenStreamError";
  /** Index of the last token event that arrived, after which a resume can continue; -1 without one. */
  readonly lastIndex: number;

  constructor(reason: string, lastIndex: number, options?: ErrorOptions) {
    super(`Cannot read the stream to its end: ${reason}`, options);
    this.lastIndex = lastIndex;
  }
}

/** What may follow an event: further events, the line that closes an SSE stream, or nothing of use. */
export type Sequel = "more" | "done" | "nothing";

export interface StreamShape<T> {
  readonly schema: Schema<T>;
  readonly sequelOf: (event: T) => Sequel;
  /** Whether the stream may end without a last event. */
  readonly endless?: boolean;
  readonly ndjson?: boolean;
  readonly indexOf?: (event: T) => number | undefined;
  /** What counts as the last index before any event has come; -1 by default. */
  readonly after?: number | undefined;
}

type Open = (signal: AbortSignal) => Promise<Response>;

/** Each iteration opens a separate stream. */
export function streamOf<T>(open: Open, shape: StreamShape<T>, signal: AbortSignal | undefined): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const events = createEventReader(shape);
      const source = createSource(open, signal, events);
      return decodeStream(() => source, events.decoder)[Symbol.asyncIterator]();
    },
  };
}

/** Where the bytes of an answer come from: the request is sent at the first read, and aborted at the end. */
function createSource(open: Open, signal: AbortSignal | undefined, events: EventReader<unknown>): Source {
  const abort = new AbortController();
  const unlisten = signal === undefined ? () => {} : onAbort(signal, () => abort.abort(signal.reason));
  let body: Source | undefined;
  return {
    async read() {
      try {
        if (body === undefined) {
          const response = await open(abort.signal);
          // 204: there is nothing after the index that was asked for.
          if (response.body === null) {
            unlisten();
            events.expectNothing();
            return { done: true, value: undefined };
          }
          body = sourceOf(response.body);
        }
        const result = await body.read();
        if (result.done === true) unlisten();
        return result;
      } catch (error) {
        if (signal?.aborted === true) throw signal.reason;
        throw body === undefined ? error : events.broken(breakReason(error), error);
      }
    },
    async cancel() {
      unlisten();
      abort.abort(new Error("The stream's reader has left"));
      await body?.cancel();
    },
  };
}

interface EventReader<T> {
  readonly decoder: (emit: (event: T) => void, finish: () => void) => Decoder;
  expectNothing(): void;
  broken(reason: string, cause?: unknown): BrokenStreamError;
}

/** From the text of a stream to its validated events. */
function createEventReader<T>(shape: StreamShape<T>): EventReader<T> {
  let lastIndex = shape.after ?? -1;
  let sequel: Sequel = "more";

  function broken(reason: string, cause?: unknown): BrokenStreamError {
    return new BrokenStreamError(reason, lastIndex, cause === undefined ? undefined : { cause });
  }

  function eventOf(payload: unknown): T {
    try {
      return validate(shape.schema, payload);
    } catch (cause) {
      throw broken(`of an event, ${messageOf(cause)}`, cause);
    }
  }

  /** Ends the stream with a BrokenStreamError if the text cannot be decoded. */
  function guarded(decode: () => void): void {
    try {
      decode();
    } catch (error) {
      // Ignore all data after the last event.
      if (sequel === "nothing") return;
      throw error instanceof BrokenStreamError ? error : broken(messageOf(error), error);
    }
  }

  return {
    broken,
    expectNothing: () => void (sequel = "nothing"),
    decoder(emit, finish) {
      function take(payload: unknown): void {
        if (sequel === "nothing") return;
        if (sequel === "done") {
          if (payload !== DONE) throw broken("something followed its last event");
          sequel = "nothing";
          return finish();
        }
        const event = eventOf(payload);
        lastIndex = shape.indexOf?.(event) ?? lastIndex;
        sequel = shape.sequelOf(event);
        // NDJSON has no line that closes it.
        if (sequel === "done" && shape.ndjson === true) sequel = "nothing";
        emit(event);
        if (sequel === "nothing") finish();
      }

      const payloads =
        shape.ndjson === true
          ? createNdjsonDecoder(take)
          : createSseDecoder(({ data }) => take(data === DONE ? DONE : parseData(data)));
      return {
        feed: (text) => guarded(() => payloads.feed(text)),
        end() {
          guarded(() => payloads.end());
          if (sequel === "nothing" || shape.endless === true) return;
          throw broken(sequel === "done" ? `it ended without ${DONE}` : "it ended too early");
        },
      };
    },
  };
}

/** Throws without the parser's message, which quotes the text: that may be a user's answer. */
function parseData(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new Error("an event is not JSON");
  }
}

/** fetch reports a connection that broke as a TypeError "terminated", with the reason as its cause. */
function breakReason(error: unknown): string {
  if (!(error instanceof TypeError)) return messageOf(error);
  return `the connection broke (${messageOf(error.cause ?? error)})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
