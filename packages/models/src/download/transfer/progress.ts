// Reports the progress of a download: received bytes, rate and remaining time.
import type { Clock } from "@waggle/async";

/** Time constant of the smoothed rate: bytes that arrived this long ago have about a third of the weight. */
const rateWindowMs = 5_000;
/** The rate is measured over at least this long, because bytes arrive in bursts. */
const leastSampleMs = 250;

export type PullStage =
  /** Asking the server for the files, their sizes and hashes. */
  | "asking"
  /** Waiting while another process downloads the same model. */
  | "waiting"
  | "downloading"
  /** All bytes of a part have arrived; computing their hash. */
  | "checking";

export interface PullProgress {
  readonly stage: PullStage;
  /** Received bytes of all parts, including bytes of earlier attempts. */
  readonly doneBytes: number;
  /** Bytes of all parts; undefined before the server's answer, and if the server does not send the size. */
  readonly totalBytes: number | undefined;
  /** Hashed bytes of the current part in stage `checking`; else 0. */
  readonly checkedBytes: number;
  /** Smoothed over some seconds; undefined until bytes have arrived. */
  readonly bytesPerSecond: number | undefined;
  /** Remaining time at this rate; undefined if the rate or the size is unknown. */
  readonly etaMs: number | undefined;
  /** Number of the current part, from 1. */
  readonly part: number;
  /** Number of parts; 1 for a model in one file. */
  readonly parts: number;
}

type ReceivedBytes = Omit<PullProgress, "bytesPerSecond" | "etaMs">;

export interface ProgressMeter {
  /** Reports progress. Fields that are not given keep their values. */
  tell(news: Partial<ReceivedBytes>): void;
  /** Sets the bytes of earlier attempts, which do not count for the rate. */
  startAt(doneBytes: number): void;
}

export function createProgressMeter(
  clock: Clock,
  report: ((progress: PullProgress) => void) | undefined,
): ProgressMeter {
  let state: ReceivedBytes = {
    stage: "asking",
    doneBytes: 0,
    totalBytes: undefined,
    checkedBytes: 0,
    part: 1,
    parts: 1,
  };
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

/** The place of one download among several that are reported as one. */
export interface ProgressPlace {
  /** Bytes and parts of the downloads before this one. */
  readonly bytesBefore: number;
  readonly partsBefore: number;
  /** Of all downloads. */
  readonly totalBytes: number | undefined;
  readonly parts: number;
}

/** The meter for one of several downloads. */
export function meterWithin(meter: ProgressMeter, place: ProgressPlace): ProgressMeter {
  const { bytesBefore, partsBefore, totalBytes, parts } = place;
  return {
    tell({ doneBytes, part, ...news }) {
      meter.tell({
        ...news,
        ...{ totalBytes, parts },
        ...(doneBytes === undefined ? {} : { doneBytes: bytesBefore + doneBytes }),
        ...(part === undefined ? {} : { part: partsBefore + part }),
      });
    },
    startAt: (doneBytes) => meter.startAt(bytesBefore + doneBytes),
  };
}
