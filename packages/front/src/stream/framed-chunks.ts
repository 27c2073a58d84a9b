// Converts a job's events to the text of a response, with the framing of the dialect. After `frameEnd` the stream ends. After `frameError`, and when the
// reader ends without the stream's end, the iterator throws, which destroys the connection. Some dialects end the response after an error. All do after
// the refusal of a request.
import type { Reader } from "@waggle/jobs";
import { WaggleError, failureError, isTerminal } from "@waggle/protocol";
import type { EndEvent, StreamEvent, TerminalEvent } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { Framing } from "../generation/dialect.ts";

export interface FramedChunksOptions {
  readonly reader: Pick<Reader, "next" | "close">;
  readonly framing: Framing;
  /** The client has the beginning of the answer from an earlier stream. */
  readonly resumed?: boolean;
  readonly log: Logger;
  /** Called at the end, possibly more than once. */
  readonly onClose: () => void;
}

export function framedChunks(options: FramedChunksOptions): AsyncIterator<string> {
  const { reader, framing, log, onClose } = options;
  let answered = options.resumed === true;
  let failed = false;
  let refused = false;
  let ended = false;
  let closed = false;

  function close(): void {
    closed = true;
    reader.close();
    onClose();
  }

  function framedText(batch: readonly StreamEvent[]): string {
    if (batch.length === 0) return framing.keepAlive("silent");
    let text = "";
    for (const event of batch) {
      answered ||= event.type === "token";
      text += isTerminal(event) ? lastTextOf(event) : framing.frame(event);
    }
    return text === "" ? framing.keepAlive("unframed") : text;
  }

  function lastTextOf(event: TerminalEvent): string {
    ended = true;
    if (event.type === "error") return fail(failureError(event), !answered && !event.retryable);
    const cancelled = framing.cancelledIsError ? cancellationOf(event) : undefined;
    return cancelled === undefined ? framing.frameEnd(event) : fail(cancelled);
  }

  function fail(error: WaggleError, isRefusal = false): string {
    failed = true;
    refused = isRefusal;
    return framing.frameError(error);
  }

  /** A framing that throws is a defect in Waggle. Then the client gets an error, and other clients are not affected. */
  function safeTextOf(batch: readonly StreamEvent[]): string {
    try {
      return framedText(batch);
    } catch (error) {
      log.error({ err: error }, "framing_failed");
      return fail(WaggleError.from(error));
    }
  }

  return {
    async next() {
      // This call shows that the consumer took the error's text.
      if (failed) {
        close();
        // A refusal cannot be taken for an answer, and a client may drop what it has not read from a destroyed connection.
        if (framing.errorIsLastWord === true || refused) return { done: true, value: undefined };
        throw new Error("The stream ended with an error.");
      }
      let next: IteratorResult<readonly StreamEvent[]>;
      try {
        next = await reader.next();
      } catch (error) {
        // A later job of a batch was rejected.
        return { done: false, value: fail(WaggleError.from(error)) };
      }
      if (next.done !== true) return { done: false, value: safeTextOf(next.value) };
      const isCut = !ended && !closed;
      close();
      if (isCut) throw new Error("The stream continues at another server.");
      return { done: true, value: undefined };
    },
    return() {
      close();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
}

/** @throws WaggleError if the answer failed or was cancelled */
export function completeEndOf(event: TerminalEvent): EndEvent {
  if (event.type === "error") throw failureError(event);
  const cancelled = cancellationOf(event);
  if (cancelled !== undefined) throw cancelled;
  return event;
}

function cancellationOf(end: EndEvent): WaggleError | undefined {
  if (end.finish_reason !== "cancelled") return undefined;
  return new WaggleError("cancelled", `The answer was cancelled (${end.cancelled_by ?? "client"}).`);
}
