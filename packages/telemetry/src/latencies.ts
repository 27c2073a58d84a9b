// Counts latencies in the buckets of the wire, so that memory does not depend on the number of values, and windows can be added up.
import { latencyBucketCount, latencyBucketOf } from "@waggle/protocol";
import type { LatencyBuckets } from "@waggle/protocol";

export interface Latencies {
  observe(seconds: number): void;
  /** All values since the process began. */
  buckets(): LatencyBuckets;
}

export function createLatencies(): Latencies {
  const counts = new Float64Array(latencyBucketCount);

  return {
    observe(seconds) {
      const bucket = latencyBucketOf(seconds * 1_000);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    },
    buckets() {
      const filled = Array.from(counts, (count, bucket) => [bucket, count] as const).filter(([, count]) => count > 0);
      return Object.fromEntries(filled);
    },
  };
}
