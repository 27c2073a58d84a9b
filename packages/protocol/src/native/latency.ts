// Owns latencies on the wire: a histogram with fixed buckets, which readers can add up, and the one function that computes quantiles.
import { optional, z } from "zod";
import { amount, count } from "../fields/values.ts";

/** Milliseconds: upper bound of bucket 0. Each further bound is higher by the factor `growth`. */
const firstBoundMs = 0.01;
/** Four buckets for each doubling. An interpolated quantile is usually within a few percent. */
const growth = 2 ** 0.25;
/** The last bucket ends above one hour, and counts everything that takes longer. */
export const latencyBucketCount = 115;

/** Number of measurements by the number of their bucket, without empty buckets. */
export type LatencyBuckets = Readonly<Record<string, number>>;

export const LatencySchema = z
  .object({
    p50_ms: amount,
    p95_ms: amount,
    count: count.describe("Number of measurements."),
    buckets: optional(z.record(z.string().regex(/^(\d|[1-9]\d|10\d|11[0-4])$/), count)).describe(
      "Number of measurements by bucket, so that several windows can be added up. Bucket i ends at 0.01 ms times 2 to the power of i/4.",
    ),
  })
  .meta({ id: "Latency" });
export type Latency = z.infer<typeof LatencySchema>;

/** Returns the number of the bucket that counts this value. */
export function latencyBucketOf(ms: number): number {
  const bucket = Math.ceil(Math.log(ms / firstBoundMs) / Math.log(growth));
  return Math.min(latencyBucketCount - 1, Math.max(0, bucket || 0));
}

export function addBuckets(all: readonly LatencyBuckets[]): LatencyBuckets {
  const sum: Record<string, number> = {};
  for (const buckets of all) for (const [key, more] of Object.entries(buckets)) sum[key] = (sum[key] ?? 0) + more;
  return sum;
}

/** The measurements that came after `before`. */
export function growthOfBuckets(before: LatencyBuckets, after: LatencyBuckets): LatencyBuckets {
  const grown = Object.entries(after).map(([key, now]) => [key, now - (before[key] ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, more]) => more > 0));
}

/** Returns undefined without measurements. */
export function latencyOf(buckets: LatencyBuckets): (Latency & { readonly buckets: LatencyBuckets }) | undefined {
  const [p50_ms, p95_ms] = [quantileMs(buckets, 0.5), quantileMs(buckets, 0.95)];
  if (p50_ms === undefined || p95_ms === undefined) return undefined;
  return { p50_ms, p95_ms, count: totalOf(buckets), buckets: { ...buckets } };
}

/**
 * The quantile in milliseconds, interpolated within its bucket and rounded to three significant digits; undefined without measurements.
 * @param q 0 to 1
 */
export function quantileMs(buckets: LatencyBuckets, q: number): number | undefined {
  const rank = totalOf(buckets) * q;
  let below = 0;
  // JavaScript sorts whole numbers among an object's keys, so the buckets come in ascending order.
  for (const [key, inside] of Object.entries(buckets)) {
    if (inside > 0 && below + inside >= rank) {
      const bucket = Number(key);
      const from = bucket === 0 ? 0 : boundOf(bucket - 1);
      return Number((from + ((boundOf(bucket) - from) * (rank - below)) / inside).toPrecision(3));
    }
    below += inside;
  }
  return undefined;
}

function totalOf(buckets: LatencyBuckets): number {
  return Object.values(buckets).reduce((sum, more) => sum + more, 0);
}

function boundOf(bucket: number): number {
  return firstBoundMs * growth ** bucket;
}
