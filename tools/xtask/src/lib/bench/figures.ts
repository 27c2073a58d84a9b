// Owns the figures of a benchmark: their names, their units, and which way is better.
import { figuresOf, sum, type LoadAnswer } from "@waggle/harness";

interface FigureKind {
  readonly label: string;
  readonly unit: string;
  readonly digits: number;
  /** Undefined where neither is: counts that are shown to be compared. */
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
export const figureKinds: Readonly<Record<FigureName, FigureKind>> = kinds;
export const figureNames = Object.keys(kinds) as FigureName[];

/** What one target did in one round. */
export type Figures = Partial<Record<FigureName, number>>;

/** All that streams side by side have in common. */
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
