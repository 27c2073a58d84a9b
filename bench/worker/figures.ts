// Owns the figures of a benchmark: their names, their units, which way is better, and how they look on a terminal.
import { compare, figuresOf, median, sum, type LoadAnswer } from "@waggle/testing/harness";

interface FigureKind {
  readonly label: string;
  readonly unit: string;
  readonly digits: number;
  /** Which values are better; undefined for counts. */
  readonly better?: "higher" | "lower";
}

const kinds = {
  tokensPerSecond: { label: "tokens/s", unit: "", digits: 1, better: "higher" },
  decodeTokensPerSecond: { label: "decode tokens/s", unit: "", digits: 1, better: "higher" },
  decodeMsPerToken: { label: "decode per token", unit: "ms", digits: 2, better: "lower" },
  prefillTokensPerSecond: { label: "prefill tokens/s", unit: "", digits: 0, better: "higher" },
  ttftP50Ms: { label: "TTFT p50", unit: "ms", digits: 1, better: "lower" },
  ttftMaxMs: { label: "TTFT max", unit: "ms", digits: 1, better: "lower" },
  allReadMs: { label: "all read", unit: "ms", digits: 1, better: "lower" },
  itlP50Ms: { label: "ITL p50", unit: "ms", digits: 2, better: "lower" },
  itlP95Ms: { label: "ITL p95", unit: "ms", digits: 2, better: "lower" },
  itlP99Ms: { label: "ITL p99", unit: "ms", digits: 2, better: "lower" },
  itlMaxMs: { label: "ITL max", unit: "ms", digits: 1, better: "lower" },
  itlMaxSteps: { label: "ITL max / usual", unit: "x", digits: 1, better: "lower" },
  cpuMsPerToken: { label: "CPU per token", unit: "ms", digits: 2, better: "lower" },
  rssMiB: { label: "RSS", unit: "MiB", digits: 0, better: "lower" },
  guessedTokens: { label: "guessed tokens", unit: "", digits: 0 },
  rightGuessesPercent: { label: "right guesses", unit: "%", digits: 0 },
  promptTokens: { label: "prompt tokens", unit: "", digits: 0 },
  cachedTokens: { label: "cached tokens", unit: "", digits: 0 },
  completionTokens: { label: "completion tokens", unit: "", digits: 0 },
} as const satisfies Record<string, FigureKind>;

export type FigureName = keyof typeof kinds;
const figureKinds: Readonly<Record<FigureName, FigureKind>> = kinds;
const figureNames = Object.keys(kinds) as FigureName[];

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
    ...guessFigures(answers),
  };
}

/** No figures if the server reports no guesses. */
function guessFigures(answers: readonly LoadAnswer[]): Figures {
  if (answers.every(({ guessedTokens }) => guessedTokens === undefined)) return {};
  const guessedTokens = sum(answers.map((answer) => answer.guessedTokens ?? 0));
  const right = sum(answers.map(({ rightGuesses }) => rightGuesses ?? 0));
  return { guessedTokens, ...(guessedTokens === 0 ? {} : { rightGuessesPercent: (100 * right) / guessedTokens }) };
}

/** Speed after the first tokens. */
export function decodeFigures(answers: readonly LoadAnswer[]): Figures {
  const decodeMs = answers.map(
    ({ arrivals, completionTokens }) => ((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)) / (completionTokens - 1),
  );
  return {
    decodeTokensPerSecond: sum(decodeMs.map((ms) => 1_000 / ms)),
    decodeMsPerToken: sum(decodeMs) / decodeMs.length,
    ...countFigures(answers),
  };
}

export interface FigureRow {
  /** A median over the rounds for each target. */
  readonly medians: readonly number[];
  /** For each pair of targets, the median of the ratios in each round. */
  readonly ratios: readonly number[];
}

/** The results of one case on all targets. */
export interface BenchRow {
  readonly scenario: string;
  readonly label: string;
  readonly figures: Partial<Record<FigureName, FigureRow>>;
  /** Load average of the last minute when the case ended. */
  readonly loadAverage: number;
  /** For each target, the figures of each round in order. */
  readonly rounds: readonly (readonly Figures[])[];
  /** Why the case was skipped. */
  readonly skipped?: string;
}

/** @param rounds for each target, the figures of each round */
export function compared(rounds: BenchRow["rounds"]): BenchRow["figures"] {
  const entries = figureNames.flatMap((name) => {
    const columns = rounds.map((own) => own.flatMap((figures) => figures[name] ?? []));
    if (columns.every((column) => column.length === 0)) return [];
    const ratios = pairsOf(columns).map(([one, other]) => compare(one, other).ratio ?? Number.NaN);
    return [[name, { medians: columns.map(median), ratios }] as const];
  });
  return Object.fromEntries(entries);
}

/** All pairs in the order of the list: AB, AC, BC. */
function pairsOf<T>(all: readonly T[]): readonly (readonly [T, T])[] {
  return all.flatMap((one, index) => all.slice(index + 1).map((other) => [one, other] as const));
}

const labelWidth = 24;
const valueWidth = 10;

/** One line for each figure of a row, under the row's name. */
export function rowLines({ scenario, label, figures, loadAverage, skipped }: BenchRow): string[] {
  const title = `${scenario}: ${label}`;
  if (skipped !== undefined) return [`${title}  skipped: ${skipped}`];
  return [
    `${title}  (load ${loadAverage.toFixed(1)})`,
    ...figureNames.flatMap((name) => {
      const row = figures[name];
      if (row === undefined) return [];
      const { label: figure, unit, digits } = figureKinds[name];
      const cells = [
        ...row.medians.map((value) => shown(value, digits)),
        ...row.ratios.map((ratio) => `${shown(ratio, 2)}${isWorse(name, ratio) ? " <" : "  "}`),
      ];
      const named = unit === "" ? figure : `${figure} (${unit})`;
      return [`  ${named.padEnd(labelWidth)}${line(cells)}${differentPrompts(name, row)}`];
    }),
  ];
}

/** @param names of the targets */
export function headLine(names: readonly string[]): string {
  return `${"".padEnd(labelWidth + 2)}${line([...names, ...pairsOf(names).map((pair) => `${pair.join("/")}  `)])}`;
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell) => cell.padStart(valueWidth))
    .join("")
    .trimEnd();
}

function shown(value: number, digits: number): string {
  return Number.isNaN(value) ? "–" : value.toFixed(digits);
}

/** Whether the first target of the pair is worse by more than 3 %. */
function isWorse(name: FigureName, ratio: number): boolean {
  const { better } = figureKinds[name];
  return better !== undefined && (better === "higher" ? ratio < 0.97 : ratio > 1.03);
}

function differentPrompts(name: FigureName, { ratios }: FigureRow): string {
  const differ = name === "promptTokens" && ratios.some((ratio) => Math.abs(ratio - 1) > 0.01);
  return differ ? "  < different prompts" : "";
}
