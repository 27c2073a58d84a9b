// Owns the picture of a benchmark: throughput and latency against concurrency, as an SVG that reads well on light and on dark.
export interface ChartSeries {
  readonly name: string;
  readonly points: readonly ChartPoint[];
}

export interface ChartPoint {
  readonly streams: number;
  readonly value: number;
}

export interface ChartPanel {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly ChartSeries[];
}

const width = 860;
const height = 330;
const plot = { width: 340, height: 190, top: 72, left: 62, apart: 425 } as const;
const gridLines = 4;

/** Colours of both schemes differ enough from their ground and from each other, also without hue: the second line is dashed. */
const style = `
    text { font: 12px system-ui, sans-serif; fill: #57606a }
    .title { font-size: 14px; font-weight: 600; fill: #1f2328 }
    .grid { stroke: #d0d7de; stroke-width: 1 }
    .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }
    .s0 { stroke: #b35900 } .d0 { fill: #b35900 }
    .s1 { stroke: #4f6f9f; stroke-dasharray: 6 5 } .d1 { fill: #4f6f9f }
    @media (prefers-color-scheme: dark) {
      text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d }
      .s0 { stroke: #f5a524 } .d0 { fill: #f5a524 } .s1 { stroke: #8fb4e8 } .d1 { fill: #8fb4e8 }
    }`;

/** Two panels side by side; each series keeps its colour in both. */
export function chartSvg(panels: readonly [ChartPanel, ChartPanel], about: string): string {
  const names = panels[0].series.map(({ name }) => name);
  const legend = names.map((name, index) => legendEntry(name, index)).join("");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(about)}">`,
    `  <style>${style}\n  </style>`,
    `  <g>${legend}</g>`,
    ...panels.map((panel, index) => panelSvg(panel, plot.left + index * plot.apart)),
    "</svg>",
    "",
  ].join("\n");
}

function legendEntry(name: string, index: number): string {
  const x = plot.left + index * 170;
  return (
    `<line class="line s${index}" x1="${x}" y1="18" x2="${x + 30}" y2="18"/>` +
    `<text x="${x + 38}" y="22">${escaped(name)}</text>`
  );
}

function panelSvg({ title, unit, series }: ChartPanel, left: number): string {
  const streams = [...new Set(series.flatMap(({ points }) => points.map((point) => point.streams)))].toSorted(
    (a, b) => a - b,
  );
  const top = niceCeiling(Math.max(...series.flatMap(({ points }) => points.map(({ value }) => value)), 0));
  const x = (value: number): number => {
    const [first, last] = [Math.log2(streams[0] ?? 1), Math.log2(streams.at(-1) ?? 1)];
    return left + (last === first ? plot.width / 2 : ((Math.log2(value) - first) / (last - first)) * plot.width);
  };
  const y = (value: number): number => plot.top + plot.height * (1 - value / top);
  const grid = Array.from({ length: gridLines + 1 }, (_, index) => {
    const value = (top / gridLines) * index;
    const at = fixed(y(value));
    return (
      `<line class="grid" x1="${left}" y1="${at}" x2="${left + plot.width}" y2="${at}"/>` +
      `<text x="${left - 8}" y="${fixed(y(value) + 4)}" text-anchor="end">${label(value)}</text>`
    );
  });
  const ticks = streams.map(
    (value) => `<text x="${fixed(x(value))}" y="${plot.top + plot.height + 20}" text-anchor="middle">${value}</text>`,
  );
  const lines = series.map(({ points }, index) => {
    const path = points.map(
      (point, at) => `${at === 0 ? "M" : "L"}${fixed(x(point.streams))} ${fixed(y(point.value))}`,
    );
    const dots = points.map(
      (point) => `<circle class="d${index}" cx="${fixed(x(point.streams))}" cy="${fixed(y(point.value))}" r="3.5"/>`,
    );
    return `<path class="line s${index}" d="${path.join("")}"/>${dots.join("")}`;
  });
  return [
    `  <g>`,
    `    <text class="title" x="${left}" y="${plot.top - 18}">${escaped(title)}, ${escaped(unit)}</text>`,
    `    ${grid.join("")}`,
    `    ${ticks.join("")}`,
    `    <text x="${left + plot.width / 2}" y="${plot.top + plot.height + 42}" text-anchor="middle">streams at once</text>`,
    `    ${lines.toReversed().join("")}`,
    `  </g>`,
  ].join("\n");
}

/** The least short number that holds the value and whose quarters are short too. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].find((step) => step * power >= value) ?? 10);
}

function label(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
