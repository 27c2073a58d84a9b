// Owns the parsing of metrics in Prometheus's text format.

export interface Metrics {
  /** Sum of all series with this name and these labels; 0 when there is no match. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
}

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const seriesLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const labelPair = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export function parseMetrics(text: string): Metrics {
  const series = new Map<string, Series[]>();
  for (const line of text.split("\n")) {
    const [, name, labels = "", value] = line.startsWith("#") ? [] : (seriesLine.exec(line) ?? []);
    if (name === undefined) continue;
    const parsed = [...labels.matchAll(labelPair)].map(([, label = "", text = ""]) => [label, text] as const);
    series.set(name, [...(series.get(name) ?? []), { labels: Object.fromEntries(parsed), value: Number(value) }]);
  }
  return {
    sum(name, labels = {}) {
      const wanted = Object.entries(labels);
      const fitting = (series.get(name) ?? []).filter((one) =>
        wanted.every(([label, text]) => one.labels[label] === text),
      );
      return fitting.reduce((total, { value }) => total + value, 0);
    },
  };
}
