// Opens a stream when its iteration starts, validates every event, and aborts the request as soon as the consumer leaves.
import { onAbort } from "@waggle/async";
import { validate, type Schema } from "./answer.ts";
import { readFrames } from "./ask/frames.ts";
import type { AnyRoute, Call, Http } from "./http.ts";

/** The stream ended early, or contained text that is not an event. The events that were read before are valid. */
export class BrokenStreamError extends Error {
  override readonly name = "BrokenStreamError";

  constructor(reason: string, options?: ErrorOptions) {
    super(`Cannot read the stream to its end: ${reason}`, options);
  }
}

export interface StreamShape<T> {
  readonly schema: Schema<T>;
  /** Whether the stream is over after this event; further data is ignored. Without it, the stream may end after any event. */
  readonly isLast?: (event: T) => boolean;
}

/** Each iteration sends a separate request. */
export function streamOf<T>(http: Http, route: AnyRoute, call: Call, shape: StreamShape<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => readStream(http, route, call, shape) };
}

async function* readStream<T>(
  http: Http,
  route: AnyRoute,
  call: Call,
  { schema, isLast }: StreamShape<T>,
): AsyncGenerator<T, void> {
  const { signal } = call;
  const connection = new AbortController();
  const unlisten = signal === undefined ? () => {} : onAbort(signal, () => connection.abort(signal.reason));
  let response: Response | undefined;
  try {
    response = await http.open(route, { ...call, accept: "text/event-stream", signal: connection.signal });
    for await (const frame of readFrames(response, connection)) {
      const event = eventOf(schema, frame);
      yield event;
      if (isLast?.(event) === true) return;
    }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    if (response === undefined || error instanceof BrokenStreamError) throw error;
    // The parser's message quotes the text, which may be part of an answer.
    if (error instanceof SyntaxError) throw new BrokenStreamError("an event is not JSON");
    throw new BrokenStreamError(breakReason(error), { cause: error });
  } finally {
    unlisten();
    connection.abort(new Error("The stream's reader has left"));
  }
  // Status 204: no events follow the requested index.
  if (isLast !== undefined && response.status !== 204) throw new BrokenStreamError("it ended too early");
}

function eventOf<T>(schema: Schema<T>, frame: unknown): T {
  try {
    return validate(schema, frame);
  } catch (cause) {
    throw new BrokenStreamError(`of an event, ${(cause as Error).message}`, { cause });
  }
}

function breakReason(error: unknown): string {
  // fetch reports a connection that broke as a TypeError "terminated", with the reason as its cause.
  if (error instanceof TypeError) return `the connection broke (${messageOf(error.cause ?? error)})`;
  return messageOf(error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
