// Computes percentiles of the values since the last read. The size of buckets grows by a constant ratio, so a percentile is within a few percent of
// the true value at every magnitude, and memory does not depend on the number of values.

/** Ratio of a bucket's limit to the previous bucket's limit. A percentile is wrong by at most half a bucket, about 2%. */
const ratio = 1.04;
/** Seconds. Values below `smallest` count as `smallest`, values above `largest` as `largest`. */
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
  /** Creates a window: a function that summarizes the values since its previous call. Undefined without values. */
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

/** The value at this rank in milliseconds: the middle of its bucket, rounded to three significant digits. */
function percentile(counts: Float64Array, rank: number): number {
  let below = 0;
  const at = counts.findIndex((count) => (below += count) >= rank);
  return Number((1_000 * smallest * ratio ** (at - 0.5)).toPrecision(3));
}
