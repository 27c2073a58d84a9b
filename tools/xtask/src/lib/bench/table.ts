// Owns how the rows of a benchmark look: on a terminal and in the README. It computes nothing.
import { describeFigure, figureNames, type FigureName } from "./figures.ts";
import type { BenchRow } from "./run-bench.ts";

const labelWidth = 24;
const valueWidth = 10;

/** One line for each figure of a row, under the row's name. */
export function rowLines({ scenario, label, figures, loadAverage, skipped }: BenchRow, hasTheirs: boolean): string[] {
  const title = `${scenario}: ${label}`;
  if (skipped !== undefined) return [`${title}  not played: ${skipped}`];
  return [
    `${title}  (load ${loadAverage.toFixed(1)})`,
    ...figureNames.flatMap((name) => {
      const comparison = figures[name];
      if (comparison === undefined) return [];
      const { ours, theirs, ratio } = comparison;
      const cells = [shown(name, ours), ...(hasTheirs ? [shown(name, theirs), shownRatio(ratio)] : [])];
      const kind = describeFigure(name);
      const unit = kind.unit === "" ? kind.label : `${kind.label} (${kind.unit})`;
      return [
        `  ${unit.padEnd(labelWidth)}${cells.map((cell) => cell.padStart(valueWidth)).join("")}${mark(name, ratio)}`,
      ];
    }),
  ];
}

export function headLine(ours: string, theirs: string | undefined): string {
  const names = theirs === undefined ? [ours] : [ours, theirs, "ratio"];
  return `${"".padEnd(labelWidth + 2)}${names.map((name) => name.padStart(valueWidth)).join("")}`;
}

/** Which figures stand in the README: what a reader compares. */
const published: readonly FigureName[] = [
  "tokensPerSecond",
  "ttftP50Ms",
  "ttftMaxMs",
  "itlP50Ms",
  "itlP99Ms",
  "itlMaxMs",
];

/** A Markdown table with a row for each case, and in each cell ours / theirs (ratio). */
export function markdownTable(rows: readonly BenchRow[]): string {
  const played = rows.filter(({ skipped }) => skipped === undefined);
  const columns = published.filter((name) => played.some(({ figures }) => figures[name] !== undefined));
  const heads = ["", ...columns.map((name) => headOf(name))];
  const body = played.map(({ scenario, label, figures }) => [
    `${scenario}: ${label}`,
    ...columns.map((name) => {
      const comparison = figures[name];
      if (comparison === undefined) return "";
      const { ours, theirs, ratio } = comparison;
      return theirs === undefined
        ? shown(name, ours)
        : `${shown(name, ours)} / ${shown(name, theirs)} (${shownRatio(ratio)})`;
    }),
  ]);
  const rule = heads.map((_, column) => (column === 0 ? "---" : "---:"));
  return [heads, rule, ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function headOf(name: FigureName): string {
  const { label, unit } = describeFigure(name);
  return unit === "" ? label : `${label}, ${unit}`;
}

function shown(name: FigureName, value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "–" : value.toFixed(describeFigure(name).digits);
}

function shownRatio(ratio: number | undefined): string {
  return ratio === undefined ? "–" : ratio.toFixed(2);
}

/** Points at what is worse by more than noise, and at loads that were not the same. */
function mark(name: FigureName, ratio: number | undefined): string {
  const { better } = describeFigure(name);
  if (name === "promptTokens" && ratio !== undefined && Math.abs(ratio - 1) > 0.01) return "  < not the same prompts";
  if (ratio === undefined || better === undefined) return "";
  return (better === "higher" ? ratio < 0.97 : ratio > 1.03) ? "  <" : "";
}
