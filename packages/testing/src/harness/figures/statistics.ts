// Owns the statistics of measurements: percentiles, medians over rounds, ratios of pairs. Pure.

/** Nearest-rank percentile; `share` from 0 to 1. NaN when there are no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** The three figures by which durations are reported. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** Rounded to a thousandth; zeros when there are no values. */
export function spreadOf(values: readonly number[]): Spread {
  const rank = (share: number): number => round(values.length === 0 ? 0 : percentile(values, share));
  return { p50: rank(0.5), p95: rank(0.95), max: rank(1) };
}

/** The middle value, or the mean of the two in the middle. NaN when there are no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/** NaN when there are no values. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Rounds to a thousandth. */
export function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

export function gapsOf(arrivals: readonly number[]): number[] {
  return arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? at));
}

export interface Comparison {
  readonly ours: number;
  readonly theirs: number | undefined;
  /** Median of ours / theirs over the rounds: a disturbance slows both values of a round, so their ratio varies less. */
  readonly ratio: number | undefined;
}

/** @param theirs values of the same rounds in the same order, or an empty list */
export function compare(ours: readonly number[], theirs: readonly number[]): Comparison {
  if (theirs.length === 0) return { ours: median(ours), theirs: undefined, ratio: undefined };
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN)).filter(Number.isFinite);
  return { ours: median(ours), theirs: median(theirs), ratio: ratios.length === 0 ? undefined : median(ratios) };
}

/** A table in Markdown. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), `|${" --- |".repeat(header.length)}`, ...rows.map(line)].join("\n");
}
