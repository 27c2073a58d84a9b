// Owns reading a scrape: names and labels to numbers, and quantiles out of histogram buckets. Pure.

/** `name{labels}` as it stands in the text, to its value. */
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

export function growth(name: string, before: Scrape, after: Scrape): number {
  return (after.get(name) ?? 0) - (before.get(name) ?? 0);
}

/**
 * The quantile of what a histogram counted between two scrapes, linear within its bucket; undefined when it counted nothing. What lies
 * beyond the last bucket counts as its bound.
 */
export function quantile(q: number, histogram: string, before: Scrape, after: Scrape): number | undefined {
  const buckets = [...after.keys()]
    .flatMap((name) => {
      const bound = name.startsWith(`${histogram}_bucket{`) ? /le="([^"]+)"/.exec(name)?.[1] : undefined;
      return bound === undefined
        ? []
        : [{ bound: Number(bound.replace("+Inf", "Infinity")), count: growth(name, before, after) }];
    })
    .toSorted((a, b) => a.bound - b.bound);
  const wanted = (buckets.at(-1)?.count ?? 0) * q;
  if (wanted === 0) return undefined;
  let [lowerBound, lowerCount] = [0, 0];
  for (const { bound, count } of buckets) {
    if (count >= wanted) {
      if (!Number.isFinite(bound)) return lowerBound;
      return lowerBound + ((bound - lowerBound) * (wanted - lowerCount)) / (count - lowerCount);
    }
    [lowerBound, lowerCount] = [bound, count];
  }
  return undefined;
}
