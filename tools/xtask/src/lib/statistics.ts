// Owns the three figures by which durations are reported.
export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** Nearest-rank percentiles, in the unit of the values, rounded to a thousandth; zeros when there are none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number): number => round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
  return { p50: rank(0.5), p95: rank(0.95), max: rank(1) };
}

export function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
