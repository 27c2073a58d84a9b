// Makes the progress events of a download: received bytes, rate and remaining time.
import type { Clock } from "@waggle/async";

/** Time constant of the smoothed rate: bytes that arrived this long ago count for about a third. */
const rateWindowMs = 5_000;
/** Bytes arrive in bursts, so the rate needs at least this much time. */
const leastSampleMs = 250;

export type PullStage =
  /** The server is asked for the files, their sizes and hashes. */
  | "asking"
  /** Another process is downloading the same model. */
  | "waiting"
  | "downloading"
  /** All bytes of a part are here, and their hash is computed. */
  | "checking";

export interface PullProgress {
  readonly stage: PullStage;
  /** Bytes of all parts that were here before or have arrived. */
  readonly doneBytes: number;
  /** Bytes of all parts; undefined before the first request, and when the server does not send the size. */
  readonly totalBytes: number | undefined;
  /** Bytes of the current part that are hashed, while it is checked; else 0. */
  readonly checkedBytes: number;
  /** Rate, smoothed over some seconds; undefined until bytes have arrived. */
  readonly bytesPerSecond: number | undefined;
  /** Remaining time at that rate; undefined when it is unknown. */
  readonly etaMs: number | undefined;
  /** The current part of the model, counted from 1. */
  readonly part: number;
  /** Number of parts; 1 for a model in one file. */
  readonly parts: number;
}

export interface ProgressMeter {
  /** Updates the given fields; the others keep their values. */
  tell(news: Partial<Omit<PullProgress, "bytesPerSecond" | "etaMs">>): void;
  /** Sets the bytes that were already here. The rate does not count them. */
  startAt(doneBytes: number): void;
}

export function createProgressMeter(
  clock: Clock,
  report: ((progress: PullProgress) => void) | undefined,
): ProgressMeter {
  let state = {
    stage: "asking" as PullStage,
    doneBytes: 0,
    totalBytes: undefined,
    checkedBytes: 0,
    part: 1,
    parts: 1,
  } as Omit<PullProgress, "bytesPerSecond" | "etaMs">;
  let rate: number | undefined;
  let sample = { atMs: clock.now(), doneBytes: 0 };

  function measure(): void {
    const nowMs = clock.now();
    const elapsedMs = nowMs - sample.atMs;
    if (elapsedMs < leastSampleMs) return;
    const current = (Math.max(0, state.doneBytes - sample.doneBytes) * 1_000) / elapsedMs;
    const weight = rate === undefined ? 1 : 1 - Math.exp(-elapsedMs / rateWindowMs);
    rate = (rate ?? 0) + weight * (current - (rate ?? 0));
    sample = { atMs: nowMs, doneBytes: state.doneBytes };
  }

  return {
    tell(news) {
      state = { ...state, ...news };
      if (state.stage === "downloading") measure();
      const left = state.totalBytes === undefined ? undefined : state.totalBytes - state.doneBytes;
      const etaMs = left === undefined || !rate ? undefined : Math.round((left * 1_000) / rate);
      report?.({ ...state, bytesPerSecond: rate === undefined ? undefined : Math.round(rate), etaMs });
    },
    startAt(doneBytes) {
      state = { ...state, doneBytes };
      sample = { atMs: clock.now(), doneBytes };
    },
  };
}
