// Owns a stream's life on the client: it opens when it is iterated, every event is validated, and leaving it aborts the request at once.
import { onAbort } from "@waggle/async";
import { DONE } from "@waggle/protocol";
import { parseNdjson, parseSse } from "@waggle/sse";
import { validate, type Schema } from "./answer.ts";
import { BrokenStreamError } from "./broken-stream-error.ts";

/** What may come after an event: further ones, the line that closes an SSE stream, or nothing that anybody needs. */
export type Sequel = "more" | "done" | "nothing";

export interface StreamShape<T> {
  readonly schema: Schema<T>;
  readonly sequelOf: (event: T) => Sequel;
  /** Whether it may also just end. */
  readonly endless?: boolean;
  readonly ndjson?: boolean;
  readonly indexOf?: (event: T) => number | undefined;
  /** What counts as the last index before any event has come; -1 by default. */
  readonly after?: number | undefined;
}

/**
 * Each iteration opens a stream of its own. The iterator is an explicit object and not an async generator, whose `return()` would wait
 * for the event that is pending.
 */
export function streamOf<T>(
  open: (signal: AbortSignal) => Promise<Response>,
  shape: StreamShape<T>,
  signal: AbortSignal | undefined,
): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => createIterator(open, shape, signal) };
}

function createIterator<T>(
  open: (signal: AbortSignal) => Promise<Response>,
  shape: StreamShape<T>,
  signal: AbortSignal | undefined,
): AsyncIterator<T, undefined> {
  const abort = new AbortController();
  const unlisten = signal === undefined ? () => {} : onAbort(signal, () => abort.abort(signal.reason));
  const events = readEvents(() => open(abort.signal), shape);
  let over = false;

  function finish(): IteratorResult<T, undefined> {
    over = true;
    unlisten();
    abort.abort(new Error("The stream's reader has left"));
    return { done: true, value: undefined };
  }

  return {
    async next() {
      if (over) return { done: true, value: undefined };
      try {
        const result = await events.next();
        return over || result.done === true ? finish() : { done: false, value: result.value };
      } catch (error) {
        // Left while this read was pending: the abort is what broke it.
        if (over) return { done: true, value: undefined };
        finish();
        throw signal?.aborted === true ? signal.reason : error;
      }
    },
    async return() {
      const result = finish();
      // Not awaited: a read that is pending ends with the abort.
      events.return(undefined).catch(() => {});
      return result;
    },
  };
}

async function* readEvents<T>(open: () => Promise<Response>, shape: StreamShape<T>): AsyncGenerator<T, undefined> {
  const response = await open();
  // 204: there is nothing after the index that was asked for.
  if (response.body === null) return;
  let lastIndex = shape.after ?? -1;
  let sequel: Sequel = "more";
  const payloads = shape.ndjson === true ? parseNdjson(response.body) : ssePayloads(response.body);
  const iterator = payloads[Symbol.asyncIterator]();
  try {
    while (sequel !== "nothing") {
      const next = await iterator.next().catch((cause: unknown) => {
        throw new BrokenStreamError(breakReason(cause), lastIndex, { cause });
      });
      if (next.done === true) {
        if (shape.endless === true) return;
        throw new BrokenStreamError(sequel === "done" ? `it ended without ${DONE}` : "it ended too early", lastIndex);
      }
      if (sequel === "done") {
        if (next.value === DONE) return;
        throw new BrokenStreamError("something followed its last event", lastIndex);
      }
      const event = toEvent(shape.schema, next.value, lastIndex);
      lastIndex = shape.indexOf?.(event) ?? lastIndex;
      sequel = shape.sequelOf(event);
      yield event;
      if (sequel === "done" && shape.ndjson === true) return;
    }
  } finally {
    iterator.return?.().catch(() => {});
  }
}

async function* ssePayloads(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown, undefined> {
  for await (const { data } of parseSse(body)) yield data === DONE ? DONE : parseData(data);
}

/** Without the parser's own message, which quotes the text: that may be somebody's answer. */
function parseData(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new Error("an event is not JSON");
  }
}

function toEvent<T>(schema: Schema<T>, payload: unknown, lastIndex: number): T {
  try {
    return validate(schema, payload);
  } catch (cause) {
    throw new BrokenStreamError(`of an event, ${messageOf(cause)}`, lastIndex, { cause });
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
