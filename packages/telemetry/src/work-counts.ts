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

/** Reads all values of these metrics. @returns their sums by key, over all labels */
export async function readSums(
  metricOf: (key: string) => Metric | undefined,
  keys: readonly string[],
): Promise<(key: string, part?: "sum" | "count") => number> {
  const read = keys.map(async (key) => [key, (await metricOf(key)?.get())?.values ?? []] as const);
  const counts = new Map<string, readonly Count[]>(await Promise.all(read));
  return (key, part) => sum((counts.get(key) ?? []).filter(({ metricName = "" }) => metricName.endsWith(part ?? "")));
}

export async function readWorkCounts(metricOf: (key: keyof MetricTable) => Metric | undefined): Promise<WorkCounts> {
  const countsOf = async (key: keyof MetricTable): Promise<readonly Count[]> =>
    (await metricOf(key)?.get())?.values ?? [];
  const keys = ["jobsAccepted", "tokensGenerated", "promptTokens", "cachedPromptTokens", "batchWidth"];
  const sumOf = await readSums(metricOf as (key: string) => Metric | undefined, keys);
  const [ended, rejected] = await Promise.all([countsOf("jobsEnded"), countsOf("jobsRejected")]);
  const errors: Record<string, number> = {};
  const addError = (code: unknown, value: number): void => {
    if (typeof code === "string") errors[code] = (errors[code] ?? 0) + value;
  };
  for (const { labels, value } of ended) if (labels["outcome"] === "failed") addError(labels["reason"], value);
  for (const { labels, value } of rejected) addError(labels["code"], value);
  return {
    accepted: sumOf("jobsAccepted"),
    errors,
    tokens: sumOf("tokensGenerated"),
    promptTokens: sumOf("promptTokens") - sumOf("cachedPromptTokens"),
    steps: sumOf("batchWidth", "count"),
    rows: sumOf("batchWidth", "sum"),
  };
}

function sum(counts: readonly Count[]): number {
  return counts.reduce((all, { value }) => all + value, 0);
}
