// Owns how the rows of a benchmark look on a terminal. It computes nothing.
import { figureKinds, figureNames, type FigureName } from "./figures.ts";
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
      const { label: figure, unit } = figureKinds[name];
      const named = unit === "" ? figure : `${figure} (${unit})`;
      return [
        `  ${named.padEnd(labelWidth)}${cells.map((cell) => cell.padStart(valueWidth)).join("")}${mark(name, ratio)}`,
      ];
    }),
  ];
}

export function headLine(ours: string, theirs: string | undefined): string {
  const names = theirs === undefined ? [ours] : [ours, theirs, "ratio"];
  return `${"".padEnd(labelWidth + 2)}${names.map((name) => name.padStart(valueWidth)).join("")}`;
}

function shown(name: FigureName, value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "–" : value.toFixed(figureKinds[name].digits);
}

function shownRatio(ratio: number | undefined): string {
  return ratio === undefined ? "–" : ratio.toFixed(2);
}

/** Points at what is worse by more than noise, and at loads that were not the same. */
function mark(name: FigureName, ratio: number | undefined): string {
  const { better } = figureKinds[name];
  if (name === "promptTokens" && ratio !== undefined && Math.abs(ratio - 1) > 0.01) return "  < not the same prompts";
  if (ratio === undefined || better === undefined) return "";
  return (better === "higher" ? ratio < 0.97 : ratio > 1.03) ? "  <" : "";
}
