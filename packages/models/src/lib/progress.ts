// Owns what is told of a download while it runs: how much is here, how fast it comes, and how long it will still take.
import type { Clock } from "@waggle/async";

/** How far back the rate looks: what came this long ago counts for about a third. */
const rateWindowMs = 5_000;
/** Pieces arrive in bursts; a rate over less time than this says nothing. */
const leastSampleMs = 250;

export type PullStage =
  /** Which files there are, how large, and what their hashes are. */
  | "asking"
  /** Another process downloads the same. */
  | "waiting"
  | "downloading"
  /** All bytes of a part are here, and their hash is computed. */
  | "checking";

export interface PullProgress {
  readonly stage: PullStage;
  /** Of all parts: what was here, and what has arrived. */
  readonly doneBytes: number;
  /** Of all parts; undefined where the server does not say, and before it was asked. */
  readonly totalBytes: number | undefined;
  /** Of this part, while it is checked; else 0. */
  readonly checkedBytes: number;
  /** Smoothed over some seconds; undefined until anything has arrived. */
  readonly bytesPerSecond: number | undefined;
  /** At that rate; undefined when nobody can tell. */
  readonly etaMs: number | undefined;
  /** Which part of the model, from 1. */
  readonly part: number;
  /** 1 for a model in one file. */
  readonly parts: number;
}

export interface ProgressMeter {
  /** Something is known anew; what is left out stays as it was. */
  tell(news: Partial<Omit<PullProgress, "bytesPerSecond" | "etaMs">>): void;
  /** So many bytes of all parts are here now, without having arrived now: the rate does not count them. */
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
