// Owns percentiles of what was measured since somebody asked last. Buckets grow by a constant ratio, so a figure is within some percent of
// the truth whatever its size, and measuring costs the same however much is measured.

/** From one bucket to the next; a percentile is off by half of it at most. */
const ratio = 1.04;
/** Seconds. What is below is told as this; what is above `largest`, as that. */
const smallest = 0.000_01;
const largest = 3_600;

const buckets = Math.ceil(Math.log(largest / smallest) / Math.log(ratio)) + 1;
const perLog = 1 / Math.log(ratio);

export interface LatencySummary {
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly count: number;
}

export interface Latencies {
  observe(seconds: number): void;
  /** Each of these tells what came since it was asked last; undefined when that is nothing. */
  window(): () => LatencySummary | undefined;
}

export function createLatencies(): Latencies {
  const counts = new Float64Array(buckets);

  return {
    observe(seconds) {
      const bucket = Math.ceil(Math.log(seconds / smallest) * perLog);
      const at = Math.min(buckets - 1, Math.max(0, bucket || 0));
      counts[at] = (counts[at] ?? 0) + 1;
    },
    window() {
      let before = counts.slice();
      return () => {
        const grown = counts.map((count, at) => count - (before[at] ?? 0));
        before = counts.slice();
        const count = grown.reduce((sum, each) => sum + each, 0);
        if (count === 0) return undefined;
        return { p50_ms: percentile(grown, count * 0.5), p95_ms: percentile(grown, count * 0.95), count };
      };
    },
  };
}

/** Milliseconds below which so many of them are: the middle of their bucket, to three digits. */
function percentile(counts: Float64Array, rank: number): number {
  let below = 0;
  const at = counts.findIndex((count) => (below += count) >= rank);
  return Number((1_000 * smallest * ratio ** (at - 0.5)).toPrecision(3));
}
