// Owns reading a scrape of Prometheus metrics: values by name and labels. Pure.

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

function keysOf(name: string, scrape: Scrape): readonly string[] {
  return [...scrape.keys()].filter((key) => key === name || key.startsWith(`${name}{`));
}
