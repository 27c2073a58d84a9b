// Measures what steps cost, before the first job: what the first steps need comes first, and more within the given time.
import type { StepCosts } from "@waggle/protocol";
import type { Backend } from "../../port/backend.ts";
import { contextCapacity } from "../../port/info.ts";
import { createPrices } from "./prices.ts";
import { tileTokens } from "./step-shape.ts";

type Measured = readonly ["decode" | "prompt", size: number];

/**
 * In this order, the first ones with each number of threads before the further ones: with too many threads for a busy machine, one step may take all the
 * time. The rest is interpolated, and corrected by real steps.
 */
const first: readonly Measured[] = [1, 2, 4].map((rows) => ["decode", rows]);
const further: readonly Measured[] = [
  ["prompt", tileTokens],
  ...[3, 8, 16].map((rows) => ["decode", rows] as const),
  ...[8, 2 * tileTokens, 4 * tileTokens, 8 * tileTokens].map((tokens) => ["prompt", tokens] as const),
];
/** Each step is measured this often, and the least time counts: other programs only make a step slower. */
const repetitions = 2;

export interface MeasureOptions {
  /** Time that the measurement may take. Milliseconds. */
  readonly budgetMs: number;
  /** Numbers of threads, the most important first. */
  readonly threads: readonly number[];
  readonly now: () => number;
}

/** Returns undefined if the backend cannot measure, or nothing fits into the time. Afterwards, the backend has its number of threads at the start. */
export async function measureStepCosts(
  backend: Pick<Backend, "generator" | "info" | "setThreads">,
  { budgetMs, threads, now }: MeasureOptions,
): Promise<StepCosts | undefined> {
  const { generator, info } = backend;
  const measure = generator?.measure;
  if (measure === undefined) return undefined;
  const prices = createPrices(undefined, generator?.contextCosts);
  const endMs = now() + budgetMs;
  const mostTokens = Math.min(info.batchSize, info.contextPool, contextCapacity(info.contextSize));
  const most = { decode: Math.min(info.slots, mostTokens), prompt: mostTokens };

  async function enter([kind, size]: Measured, count: number): Promise<void> {
    const shape = { decode: [], prompt: [], rowContext: 0, tileContext: 0, [kind]: [size] };
    const expectedMs = prices.ms(shape, count) ?? 0;
    if (size > most[kind] || now() + expectedMs > endMs) return;
    backend.setThreads(count);
    let leastMs = Infinity;
    for (let i = 0; i < repetitions && now() + Math.min(leastMs, expectedMs) <= endMs; i++) {
      const measuring = kind === "decode" ? measure?.(size, 0) : measure?.(0, size);
      leastMs = Math.min(leastMs, (await measuring) ?? Infinity);
    }
    if (leastMs < Infinity) prices.enter(kind, size, count, leastMs);
  }

  for (const steps of [first, further]) for (const count of threads) for (const step of steps) await enter(step, count);
  backend.setThreads(info.threads);
  const costs = prices.list();
  return costs.threads.length === 0 ? undefined : costs;
}

/** Numbers of threads to measure: the number at the start, all, half of them, and one. */
export function threadsToMeasure(start: number, max: number): number[] {
  return [...new Set([start, max, Math.ceil(max / 2), 1])].filter((count) => count >= 1 && count <= max);
}
