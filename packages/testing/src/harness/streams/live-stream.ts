// Owns a client's view of one native stream: its events, the waits for them, and its ending.
import type { CancelledBy, ErrorCode, FinishReason, StreamEvent, TerminalEvent, TokenEvent } from "@waggle/protocol";
import { createArrivals } from "../arrivals.ts";
import { RefusedError, send, type FrameStream, type Request } from "./http.ts";
import { createStreamJudge, type StreamJudge } from "./stream-rules.ts";

export interface StreamRequest extends Request {
  /** Resume after this token index. */
  readonly after?: number | undefined;
  readonly onEvent?: (event: StreamEvent) => void;
}

export interface LiveStream extends Pick<FrameStream, "over" | "leave"> {
  readonly events: readonly StreamEvent[];
  /** The text so far, and the broken rules. */
  readonly judge: StreamJudge;
  /** All bytes so far, as text. */
  readonly raw: string;
  /** Resolves with the first event that fits, past or future. @throws TimeoutError; Error when the stream ends before */
  event(what: string, fits: (event: StreamEvent) => boolean, limitMs?: number): Promise<StreamEvent>;
  /** Resolves when one more token has arrived. @throws Error when the stream ends before */
  nextToken(): Promise<void>;
}

/** Resolves when the headers have arrived. @throws RefusedError for a status other than 200; Error when no headers arrive */
export async function openStream(request: StreamRequest): Promise<LiveStream> {
  const resume = request.after === undefined ? {} : { "last-event-id": String(request.after) };
  const answer = await send({ ...request, headers: { ...resume, ...request.headers } });
  if (answer.status !== 200) throw new RefusedError(answer.status, await answer.text());
  const arrivals = createArrivals<StreamEvent>("stream");
  const judge = createStreamJudge(request.after);
  let raw = "";
  const { over, leave } = answer.frames({
    onText: (text) => (raw += text),
    onFrame(frame, at) {
      const event = judge.take(frame, at - answer.sentAt);
      if (event === undefined) return;
      arrivals.add(event);
      request.onEvent?.(event);
    },
  });
  void over.then(({ how }) => arrivals.end(`it is ${how}, after ${JSON.stringify(arrivals.items.slice(-3))}`));
  return {
    over,
    leave,
    events: arrivals.items,
    judge,
    get raw() {
      return raw;
    },
    event: (what, fits, limitMs) => arrivals.first(what, fits, { limitMs }),
    async nextToken() {
      await arrivals.first("its next token", isToken, { from: arrivals.items.length });
    },
  };
}

export const isToken = (event: StreamEvent): event is TokenEvent => event.type === "token";
export const isStarted = (event: StreamEvent): boolean => event.type === "started";
export const isQueued = (event: StreamEvent): boolean => event.type === "queued" && event.position > 0;

/** How a stream can end. */
export type Ending = Exclude<FinishReason, "cancelled"> | `cancelled by ${CancelledBy}` | `error ${ErrorCode}`;

export function endingOf(terminal: TerminalEvent | undefined): string {
  if (terminal === undefined) return "no end";
  if (terminal.type === "error") return `error ${terminal.code}`;
  return terminal.finish_reason === "cancelled"
    ? `cancelled by ${terminal.cancelled_by ?? "an unknown side"}`
    : terminal.finish_reason;
}
