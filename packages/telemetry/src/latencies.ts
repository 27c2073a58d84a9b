// Counts latencies in the buckets of the wire, so that memory does not depend on the number of values, and windows and workers can be added up.
import { growthOfBuckets, latencyBucketCount, latencyBucketOf, latencyOf } from "@waggle/protocol";
import type { Latency, LatencyBuckets } from "@waggle/protocol";

export interface Latencies {
  observe(seconds: number): void;
  /** All values since the process began. */
  buckets(): LatencyBuckets;
  /** Creates a window: a function that summarizes the values since its previous call. Undefined without values. */
  window(): () => Latency | undefined;
}

export function createLatencies(): Latencies {
  const counts = new Float64Array(latencyBucketCount);

  function buckets(): LatencyBuckets {
    const filled = Array.from(counts, (count, bucket) => [bucket, count] as const).filter(([, count]) => count > 0);
    return Object.fromEntries(filled);
  }

  return {
    observe(seconds) {
      const bucket = latencyBucketOf(seconds * 1_000);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    },
    buckets,
    window() {
      let before = buckets();
      return () => {
        const after = buckets();
        const grown = growthOfBuckets(before, after);
        before = after;
        return latencyOf(grown);
      };
    },
  };
}
