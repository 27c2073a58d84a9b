// Owns following one job's stream to its end: reopens the stream after a lost connection, checks the job's id, and gives up after some tries.
import type { ErrorEvent, StreamEvent } from "./wire.ts";
import { readFrames } from "./frames.ts";
import { retryDelayMs, waitToRetry } from "./retry-wait.ts";

/** Tries in a row without an event. */
export const defaultMaxTries = 8;
/** A server that asks for a longer wait counts as lost. */
export const maxRetryAfterMs = 60_000;

export interface FollowOptions {
  /** Sends a GET request, and resolves when the response begins. */
  readonly request: (
    path: string,
    init: { readonly headers: Record<string, string>; readonly signal: AbortSignal },
  ) => Promise<Response>;
  readonly jobId: string;
  /** The last token index that has arrived; -1 before the first. */
  readonly after: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: StreamEvent) => void;
  /** Called with undefined when connected, and after a loss with the time of the next try, in milliseconds since 1970. */
  readonly onConnection: (retryAt: number | undefined) => void;
  readonly maxTries?: number;
}

export type FollowEnd =
  /** The terminal event has been given to `onEvent`, or the worker has no event after the last one. */
  | { readonly kind: "ended" }
  /** The signal was aborted. */
  | { readonly kind: "left" }
  /** The worker does not know the job, or has forgotten it. */
  | { readonly kind: "forgotten" }
  /** All tries in a row failed. */
  | { readonly kind: "lost" }
  /** The worker has dropped tokens that this reader needs. */
  | { readonly kind: "cut"; readonly event: ErrorEvent }
  | { readonly kind: "refused"; readonly response: Response };

export async function followJob(options: FollowOptions): Promise<FollowEnd> {
  const progress: Progress = { tries: 0, lastIndex: options.after, retryAfterMs: 0 };
  while (!options.signal.aborted) {
    progress.retryAfterMs = 0;
    const end = await readOnce(options, progress).catch(() => undefined);
    if (options.signal.aborted) break;
    if (end !== undefined) return end;
    if (progress.tries === (options.maxTries ?? defaultMaxTries)) return { kind: "lost" };
    if (progress.retryAfterMs > maxRetryAfterMs) return { kind: "lost" };
    const delayMs = Math.max(retryDelayMs(progress.tries), progress.retryAfterMs);
    progress.tries += 1;
    options.onConnection(Date.now() + delayMs);
    if ((await waitToRetry(delayMs, options.signal)) === "woken") progress.tries = 0;
  }
  return { kind: "left" };
}

interface Progress {
  tries: number;
  lastIndex: number;
  /** The value of the last Retry-After header. */
  retryAfterMs: number;
}

/** Undefined when the stream closed early and can be reopened. */
async function readOnce(options: FollowOptions, progress: Progress): Promise<FollowEnd | undefined> {
  const { request, jobId, signal } = options;
  const connection = new AbortController();
  const leave = (): void => connection.abort();
  signal.addEventListener("abort", leave, { once: true });
  let isRefused = false;
  try {
    const response = await request(`/v1/jobs/${encodeURIComponent(jobId)}/stream`, {
      headers: progress.lastIndex < 0 ? {} : { "last-event-id": String(progress.lastIndex) },
      signal: connection.signal,
    });
    if (response.status === 404) return { kind: "forgotten" };
    if (response.status === 204) return { kind: "ended" };
    if (response.status >= 500 || response.status === 429) {
      progress.retryAfterMs = Number(/^\d{1,6}$/.exec(response.headers.get("retry-after") ?? "")?.[0] ?? 0) * 1_000;
      return undefined;
    }
    isRefused = !response.ok;
    if (isRefused) return { kind: "refused", response };
    options.onConnection(undefined);
    for await (const frame of readFrames(response, connection)) {
      const event = frame as StreamEvent;
      // Ignore events of other jobs, whatever the connection delivers.
      if (signal.aborted || event.stream_id !== jobId) continue;
      if (event.type === "error" && event.code === "slow_consumer") return { kind: "cut", event };
      if (event.type === "token") {
        if (event.index <= progress.lastIndex) continue;
        if (event.index > progress.lastIndex + 1) return undefined;
        progress.lastIndex = event.index;
      }
      progress.tries = 0;
      options.onEvent(event);
      if (event.type === "end" || event.type === "error") return { kind: "ended" };
    }
    return undefined;
  } finally {
    signal.removeEventListener("abort", leave);
    // The caller reads the body of a refusal.
    if (!isRefused) connection.abort();
  }
}
