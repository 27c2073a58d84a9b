// Owns following one job's stream to its end: reopens the stream after a lost connection, checks the job's id, and gives up after some tries.
import type { StreamEvent } from "@waggle/protocol";
import type { Api } from "./api.ts";
import { readFrames } from "./frames.ts";
import { problemOf, unreachable } from "./problem.ts";
import type { Problem } from "./problem.ts";
import { waitToRetry } from "./retry-wait.ts";

/** Delays between tries in a row without an event; about 15 s in all. */
const retryDelaysMs = [250, 500, 1_000, 2_000, 3_000, 4_000, 4_000] as const;

export interface FollowOptions {
  readonly api: Api;
  readonly jobId: string;
  /** The last token index that has arrived; -1 before the first. */
  readonly after: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: StreamEvent) => void;
  /** Called with undefined when connected, and after a loss with the time of the next try, in milliseconds since 1970. */
  readonly onConnection: (retryAt: number | undefined) => void;
}

export type FollowEnd =
  /** The terminal event has been given to `onEvent`. */
  | { readonly kind: "ended" }
  /** The signal was aborted. */
  | { readonly kind: "left" }
  /** The worker does not know the job, or has forgotten it. */
  | { readonly kind: "forgotten" }
  /** All tries in a row failed. */
  | { readonly kind: "lost" }
  | { readonly kind: "refused"; readonly problem: Problem };

export async function followJob(options: FollowOptions): Promise<FollowEnd> {
  const progress = { tries: 0, lastIndex: options.after };
  while (!options.signal.aborted) {
    const end = await readOnce(options, progress).catch(() => undefined);
    if (options.signal.aborted) break;
    if (end !== undefined) return end;
    const delayMs = retryDelaysMs[progress.tries];
    if (delayMs === undefined) return { kind: "lost" };
    progress.tries += 1;
    options.onConnection(Date.now() + delayMs);
    if ((await waitToRetry(delayMs, options.signal)) === "woken") progress.tries = 0;
  }
  return { kind: "left" };
}

interface Progress {
  tries: number;
  lastIndex: number;
}

/** Undefined when the stream closed early and can be reopened. */
async function readOnce(options: FollowOptions, progress: Progress): Promise<FollowEnd | undefined> {
  const { api, jobId, signal } = options;
  const connection = new AbortController();
  const leave = (): void => connection.abort();
  signal.addEventListener("abort", leave, { once: true });
  try {
    const response = await api.request(`/v1/jobs/${encodeURIComponent(jobId)}/stream`, {
      headers: progress.lastIndex < 0 ? {} : { "last-event-id": String(progress.lastIndex) },
      signal: connection.signal,
    });
    if (response.status === 404) return { kind: "forgotten" };
    if (response.status >= 500 || response.status === 429) return undefined;
    if (!response.ok) return { kind: "refused", problem: await problemOf(response) };
    options.onConnection(undefined);
    for await (const frame of readFrames(response, connection)) {
      const event = frame as StreamEvent;
      // Ignore events of other jobs, whatever the connection delivers.
      if (signal.aborted || event.stream_id !== jobId) continue;
      if (event.type === "error" && event.code === "slow_consumer") {
        return { kind: "refused", problem: { code: event.code, message: event.message } };
      }
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
    connection.abort();
  }
}

/** The problem of an answer without a terminal event. For a forgotten job, the page asks the worker for the reason instead. */
export function problemOfEnd(end: Exclude<FollowEnd, { kind: "forgotten" }>): Problem {
  switch (end.kind) {
    case "refused":
      return end.problem;
    case "lost":
      return unreachable;
    case "ended":
    case "left":
      return { code: "internal", message: "The stream of the answer closed without a result." };
  }
}
