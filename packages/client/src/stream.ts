// Opens a stream when its iteration starts, validates every event, and aborts the request as soon as the consumer leaves.
import { onAbort } from "@waggle/async";
import { DONE } from "@waggle/protocol";
import { createNdjsonDecoder, createSseDecoder, decodeStream, sourceOf } from "@waggle/protocol/sse";
import type { Decoder, Source } from "@waggle/protocol/sse";
import { validate, type Schema } from "./answer.ts";
import type { AnyRoute, Call, Http } from "./http.ts";

/** The stream ended early, or contained text that is not an event. The events that were read before are valid. */
export class BrokenStreamError extends Error {
  override readonly name = "BrokenStreamError";
  /** Index of the last token event that arrived; a resume continues after it. -1 before the first token event. */
  readonly lastIndex: number;

  constructor(reason: string, lastIndex: number, options?: ErrorOptions) {
    super(`Cannot read the stream to its end: ${reason}`, options);
    this.lastIndex = lastIndex;
  }
}

/** What may follow an event: more events, the `[DONE]` line of an SSE stream, or nothing. After "nothing", further data is ignored. */
export type Sequel = "more" | "done" | "nothing";

export interface StreamShape<T> {
  readonly schema: Schema<T>;
  readonly sequelOf: (event: T) => Sequel;
  /** Whether the stream may end without a last event. */
  readonly endless?: boolean;
  readonly ndjson?: boolean | undefined;
  readonly indexOf?: (event: T) => number | undefined;
  /** The index after which the stream was requested. Until an event arrives, this index counts as the last index. Default: -1. */
  readonly after?: number | undefined;
}

type Open = (signal: AbortSignal) => Promise<Response>;

/** Each iteration sends a separate request. */
export function streamOf<T>(http: Http, route: AnyRoute, call: Call, shape: StreamShape<T>): AsyncIterable<T> {
  const accept = shape.ndjson === true ? "application/x-ndjson" : "text/event-stream";
  const open: Open = (signal) => http.open(route, { ...call, accept, signal });
  return {
    [Symbol.asyncIterator]() {
      const events = createEventReader(shape);
      const source = createSource(open, call.signal, events);
      return decodeStream(() => source, events.decoder)[Symbol.asyncIterator]();
    },
  };
}

/** The bytes of a response. The first read sends the request, and `cancel` aborts it. */
function createSource(open: Open, signal: AbortSignal | undefined, events: EventReader<unknown>): Source {
  const abort = new AbortController();
  const unlisten = signal === undefined ? () => {} : onAbort(signal, () => abort.abort(signal.reason));
  let body: Source | undefined;
  return {
    async read() {
      try {
        if (body === undefined) {
          const response = await open(abort.signal);
          // Status 204: no events follow the requested index.
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

/** Converts the text of a stream to validated events. */
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
      throw broken(`of an event, ${causeMessage(cause)}`, cause);
    }
  }

  /** Ends the stream with a BrokenStreamError if the text cannot be decoded. */
  function guarded(decode: () => void): void {
    try {
      decode();
    } catch (error) {
      // Ignore all data after the last event.
      if (sequel === "nothing") return;
      throw error instanceof BrokenStreamError ? error : broken(causeMessage(error), error);
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
        // NDJSON has no line that closes the stream.
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

/** Throws an error without the parser's message: that message quotes the text, which may be part of an answer. */
function parseData(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new Error("an event is not JSON");
  }
}

/** fetch reports a connection that broke as a TypeError "terminated", with the reason as its cause. */
function breakReason(error: unknown): string {
  if (!(error instanceof TypeError)) return causeMessage(error);
  return `the connection broke (${causeMessage(error.cause ?? error)})`;
}

function causeMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
