// Reads counts from the metrics, over all models, for the history.
import type { Metric } from "prom-client";
import type { MetricTable } from "./metric-table.ts";

export interface WorkCounts {
  readonly accepted: number;
  /** Failed and refused jobs by error code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly tokens: number;
  /** Without cached tokens. */
  readonly promptTokens: number;
  /** Forward passes, and the rows in them. */
  readonly steps: number;
  readonly rows: number;
}

interface Count {
  readonly value: number;
  readonly labels: Partial<Record<string, string | number>>;
  /** For a histogram, the name of the part: buckets, sum or count. */
  readonly metricName?: string;
}

export async function readWorkCounts(metricOf: (key: keyof MetricTable) => Metric | undefined): Promise<WorkCounts> {
  const countsOf = async (key: keyof MetricTable): Promise<readonly Count[]> =>
    (await metricOf(key)?.get())?.values ?? [];
  const sumOf = async (key: keyof MetricTable): Promise<number> => sum(await countsOf(key));
  const [accepted, tokens, prompt, cached] = await Promise.all([
    sumOf("jobsAccepted"),
    sumOf("tokensGenerated"),
    sumOf("promptTokens"),
    sumOf("cachedPromptTokens"),
  ]);
  const [ended, rejected, width] = await Promise.all([
    countsOf("jobsEnded"),
    countsOf("jobsRejected"),
    countsOf("batchWidth"),
  ]);
  const errors: Record<string, number> = {};
  const addError = (code: unknown, value: number): void => {
    if (typeof code === "string") errors[code] = (errors[code] ?? 0) + value;
  };
  for (const { labels, value } of ended) if (labels["outcome"] === "failed") addError(labels["reason"], value);
  for (const { labels, value } of rejected) addError(labels["code"], value);
  const part = (end: string): number => sum(width.filter(({ metricName }) => metricName?.endsWith(end) === true));
  return { accepted, errors, tokens, promptTokens: prompt - cached, steps: part("_count"), rows: part("_sum") };
}

function sum(counts: readonly Count[]): number {
  return counts.reduce((all, { value }) => all + value, 0);
}
