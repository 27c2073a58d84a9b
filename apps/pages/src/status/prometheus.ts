// Owns reading a scrape of Prometheus metrics: values by name and labels, and quantiles of histograms. Pure.

/** Values by `name{labels}`, with the labels as written in the text. */
export type Scrape = ReadonlyMap<string, number>;

export function parseScrape(text: string): Scrape {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)/.exec(line);
    const name = match?.[1];
    if (name !== undefined) values.set(name, Number(match?.[2]));
  }
  return values;
}

/** The sum over all labels of a name, because a worker reports most values for each model. Undefined for an unknown name. */
export function total(name: string, scrape: Scrape): number | undefined {
  const values = keysOf(name, scrape).map((key) => scrape.get(key) ?? 0);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

/** The sums for each value of a label, for example for each model. */
export function labelled(name: string, label: string, scrape: Scrape): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const key of keysOf(name, scrape)) {
    const value = new RegExp(`[{,]${label}="((?:[^"\\\\]|\\\\.)*)"`).exec(key)?.[1];
    if (value === undefined) continue;
    // The format escapes quotes, backslashes and line feeds.
    const plain = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
    values.set(plain, (values.get(plain) ?? 0) + (scrape.get(key) ?? 0));
  }
  return values;
}

/** The growth of counters, summed over all labels of a name. A counter that has decreased was reset, and counts as no growth. */
export function growth(name: string, before: Scrape, after: Scrape): number {
  return keysOf(name, after).reduce((sum, key) => sum + grown(key, before, after), 0);
}

function keysOf(name: string, scrape: Scrape): readonly string[] {
  return [...scrape.keys()].filter((key) => key === name || key.startsWith(`${name}{`));
}

function grown(key: string, before: Scrape, after: Scrape): number {
  return Math.max(0, (after.get(key) ?? 0) - (before.get(key) ?? 0));
}

/** A quantile from buckets: an estimate within its bucket, and the bucket's upper bound, which is infinite for the last bucket. */
export interface Quantile {
  readonly guess: number;
  readonly atMost: number;
}

/**
 * The quantile of a histogram's values between two scrapes, over all labels, interpolated within its bucket; undefined without values. The
 * estimate of a value beyond the last finite bound is that bound.
 */
export function quantile(q: number, histogram: string, before: Scrape, after: Scrape): Quantile | undefined {
  const counts = new Map<number, number>();
  for (const key of keysOf(`${histogram}_bucket`, after)) {
    const bound = Number((/\ble="([^"]+)"/.exec(key)?.[1] ?? "NaN").replace("+Inf", "Infinity"));
    counts.set(bound, (counts.get(bound) ?? 0) + grown(key, before, after));
  }
  const buckets = [...counts].map(([bound, count]) => ({ bound, count })).toSorted((a, b) => a.bound - b.bound);
  const wanted = (buckets.at(-1)?.count ?? 0) * q;
  if (wanted === 0) return undefined;
  let [lowerBound, lowerCount] = [0, 0];
  for (const { bound, count } of buckets) {
    if (count >= wanted) {
      const share = Number.isFinite(bound) ? (wanted - lowerCount) / (count - lowerCount) : 0;
      return { guess: share === 0 ? lowerBound : lowerBound + (bound - lowerBound) * share, atMost: bound };
    }
    [lowerBound, lowerCount] = [bound, count];
  }
  return undefined;
}
