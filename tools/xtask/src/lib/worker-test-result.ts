// Owns the output of `worker:test --json`, and computes its figures from the recorded stream.
import {
  createStreamJudge,
  gapsOf,
  round,
  spreadOf,
  sum,
  type Realness,
  type Spread,
  type StreamJudge,
} from "@waggle/testing/harness";

/** Durations are in milliseconds. Figures that need tokens are null or zero when no token arrived. */
export interface WorkerTestResult {
  readonly ok: boolean;
  readonly failures: readonly string[];
  /** Model tokens that arrived. */
  readonly tokens: number;
  readonly done: boolean;
  readonly text: string;
  readonly ttft_ms: number | null;
  readonly itl_ms: Spread;
  readonly tokens_per_second: number;
  readonly arrival_lag_ms: Spread;
  readonly heartbeats: number;
  readonly registered: boolean;
  readonly ports_free: boolean;
  /** Number of processes that still ran after the shutdown. */
  readonly processes_left: number;
  readonly duration_ms: number;
}

export interface StreamFigures extends Pick<
  WorkerTestResult,
  "tokens" | "done" | "text" | "ttft_ms" | "itl_ms" | "tokens_per_second" | "arrival_lag_ms"
> {}

/** Computes the figures from the arrival times at the client. */
export function figuresOf(record: StreamJudge, { lagMs }: Realness): StreamFigures {
  const arrivals = record.tokens.map(({ arrivalMs }) => arrivalMs);
  const [first] = arrivals;
  const gaps = gapsOf(arrivals);
  const decodeMs = sum(gaps);
  return {
    tokens: record.modelTokens,
    done: record.done,
    text: record.text,
    ttft_ms: first === undefined ? null : round(first),
    itl_ms: spreadOf(gaps),
    tokens_per_second: decodeMs === 0 ? 0 : round((record.modelTokens - 1) / (decodeMs / 1_000)),
    arrival_lag_ms: lagMs,
  };
}

export const noFigures: StreamFigures = figuresOf(createStreamJudge(), { failures: [], lagMs: spreadOf([]) });
