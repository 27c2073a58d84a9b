// Owns the figures of a benchmark: their names, their units, and which way is better.
import type { Answer } from "./load-client.ts";
import { percentile } from "./statistics.ts";

interface FigureKind {
  readonly label: string;
  readonly unit: string;
  readonly digits: number;
  /** Undefined where neither is: counts that are shown to be compared. */
  readonly better?: "higher" | "lower";
}

export const figureKinds = {
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
  rssGainMiB: { label: "RSS gained", unit: "MiB", digits: 1 },
  promptTokens: { label: "prompt tokens", unit: "", digits: 0 },
  cachedTokens: { label: "cached tokens", unit: "", digits: 0 },
  completionTokens: { label: "completion tokens", unit: "", digits: 0 },
} as const satisfies Record<string, FigureKind>;

export type FigureName = keyof typeof figureKinds;
export const figureNames = Object.keys(figureKinds) as FigureName[];

/** What one target did in one round. */
export type Figures = Partial<Record<FigureName, number>>;

export function describeFigure(name: FigureName): FigureKind {
  return figureKinds[name];
}

/** The times between the arrivals of one stream's tokens. */
export function gapsOf({ arrivals }: Pick<Answer, "arrivals">): number[] {
  return arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? at));
}

export function ttftOf({ sentAt, arrivals }: Pick<Answer, "sentAt" | "arrivals">): number {
  return (arrivals[0] ?? Number.NaN) - sentAt;
}

/** All that streams side by side have in common. Tokens per second from the first request to the last token. */
export function streamFigures(answers: readonly Answer[]): Figures {
  const gaps = answers.flatMap(gapsOf);
  const ttfts = answers.map(ttftOf);
  const from = Math.min(...answers.map(({ sentAt }) => sentAt));
  const to = Math.max(...answers.map(({ arrivals }) => arrivals.at(-1) ?? Number.NaN));
  const tokens = sum(answers.map(({ completionTokens }) => completionTokens));
  return {
    tokensPerSecond: tokens / ((to - from) / 1_000),
    ttftP50Ms: percentile(ttfts, 0.5),
    ttftMaxMs: percentile(ttfts, 1),
    itlP50Ms: percentile(gaps, 0.5),
    itlP95Ms: percentile(gaps, 0.95),
    itlP99Ms: percentile(gaps, 0.99),
    itlMaxMs: percentile(gaps, 1),
    ...countFigures(answers),
  };
}

export function countFigures(answers: readonly Answer[]): Figures {
  return {
    promptTokens: sum(answers.map(({ promptTokens }) => promptTokens)),
    cachedTokens: sum(answers.map(({ cachedTokens }) => cachedTokens)),
    completionTokens: sum(answers.map(({ completionTokens }) => completionTokens)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
