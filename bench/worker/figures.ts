// Owns the figures of a benchmark: their names, their units, which way is better, and how they look on a terminal.
import { figuresOf, sum, type Comparison, type LoadAnswer } from "@waggle/testing/harness";

interface FigureKind {
  readonly label: string;
  readonly unit: string;
  readonly digits: number;
  /** Which values are better; undefined for counts. */
  readonly better?: "higher" | "lower";
}

const kinds = {
  tokensPerSecond: { label: "tokens/s", unit: "", digits: 1, better: "higher" },
  prefillTokensPerSecond: { label: "prefill tokens/s", unit: "", digits: 0, better: "higher" },
  ttftP50Ms: { label: "TTFT p50", unit: "ms", digits: 1, better: "lower" },
  ttftMaxMs: { label: "TTFT max", unit: "ms", digits: 1, better: "lower" },
  itlP50Ms: { label: "ITL p50", unit: "ms", digits: 2, better: "lower" },
  itlP95Ms: { label: "ITL p95", unit: "ms", digits: 2, better: "lower" },
  itlP99Ms: { label: "ITL p99", unit: "ms", digits: 2, better: "lower" },
  itlMaxMs: { label: "ITL max", unit: "ms", digits: 1, better: "lower" },
  itlMaxSteps: { label: "ITL max / usual", unit: "x", digits: 1, better: "lower" },
  cpuMsPerToken: { label: "CPU per token", unit: "ms", digits: 2, better: "lower" },
  rssMiB: { label: "RSS", unit: "MiB", digits: 0, better: "lower" },
  promptTokens: { label: "prompt tokens", unit: "", digits: 0 },
  cachedTokens: { label: "cached tokens", unit: "", digits: 0 },
  completionTokens: { label: "completion tokens", unit: "", digits: 0 },
} as const satisfies Record<string, FigureKind>;

export type FigureName = keyof typeof kinds;
const figureKinds: Readonly<Record<FigureName, FigureKind>> = kinds;
export const figureNames = Object.keys(kinds) as FigureName[];

/** The figures of one target in one round. */
export type Figures = Partial<Record<FigureName, number>>;

/** Figures of parallel streams. */
export function streamFigures(answers: readonly LoadAnswer[]): Figures {
  return { ...figuresOf(answers), ...countFigures(answers) };
}

export function countFigures(answers: readonly LoadAnswer[]): Figures {
  return {
    promptTokens: sum(answers.map(({ promptTokens }) => promptTokens)),
    cachedTokens: sum(answers.map(({ cachedTokens }) => cachedTokens)),
    completionTokens: sum(answers.map(({ completionTokens }) => completionTokens)),
  };
}

/** The results of one case on both targets. */
export interface BenchRow {
  readonly scenario: string;
  readonly label: string;
  readonly figures: Partial<Record<FigureName, Comparison>>;
  /** Load average of the last minute when the case ended. */
  readonly loadAverage: number;
  /** Figures of each round, in order. */
  readonly ours: readonly Figures[];
  readonly theirs: readonly Figures[];
  /** Why the case was skipped. */
  readonly skipped?: string;
}

const labelWidth = 24;
const valueWidth = 10;

/** One line for each figure of a row, under the row's name. */
export function rowLines({ scenario, label, figures, loadAverage, skipped }: BenchRow, hasTheirs: boolean): string[] {
  const title = `${scenario}: ${label}`;
  if (skipped !== undefined) return [`${title}  skipped: ${skipped}`];
  return [
    `${title}  (load ${loadAverage.toFixed(1)})`,
    ...figureNames.flatMap((name) => {
      const comparison = figures[name];
      if (comparison === undefined) return [];
      const { ours, theirs, ratio } = comparison;
      const { label: figure, unit, digits } = figureKinds[name];
      const cells = [shown(ours, digits), ...(hasTheirs ? [shown(theirs, digits), shown(ratio, 2)] : [])];
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

function shown(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? "–" : value.toFixed(digits);
}

/** Marks figures that are worse by more than 3 %, and prompts of different lengths. */
function mark(name: FigureName, ratio: number | undefined): string {
  const { better } = figureKinds[name];
  if (name === "promptTokens" && ratio !== undefined && Math.abs(ratio - 1) > 0.01) return "  < different prompts";
  if (ratio === undefined || better === undefined) return "";
  return (better === "higher" ? ratio < 0.97 : ratio > 1.03) ? "  <" : "";
}
