// Measures what steps cost, before the first job: one row, four rows and a tile of a prompt first, and more within the given time.
import type { StepCosts } from "@waggle/protocol";
import type { Backend } from "../port/backend.ts";
import { contextCapacity } from "../port/info.ts";
import { createStepCosts } from "./step-costs.ts";
import { tileTokens } from "./step-shape.ts";

/** A step to measure: rows of decoding slots, or tokens of a piece of a prompt. */
interface Measured {
  readonly rows: number;
  readonly tokens: number;
}

/** In the order in which they are measured, with each number of threads. The rest is interpolated, and corrected by real steps. */
const first: readonly Measured[] = [
  { rows: 1, tokens: 0 },
  { rows: 4, tokens: 0 },
  { rows: 0, tokens: tileTokens },
];
const further: readonly Measured[] = [2, 3, 8, 16].map((rows) => ({ rows, tokens: 0 }));
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
  const measure = backend.generator?.measure;
  if (measure === undefined) return undefined;
  const table = createStepCosts(undefined, backend.generator?.contextCosts);
  const endMs = now() + budgetMs;
  const { slots, batchSize, contextSize, contextPool } = backend.info;

  async function enter({ rows, tokens }: Measured, count: number): Promise<void> {
    if (rows > slots || rows + tokens > Math.min(batchSize, contextPool) || tokens > contextCapacity(contextSize))
      return;
    const shape = { decode: rows > 0 ? [rows] : [], prompt: tokens > 0 ? [tokens] : [], rowContext: 0, tileContext: 0 };
    const expectedMs = table.ms(shape, count) ?? 0;
    if (now() + expectedMs > endMs) return;
    backend.setThreads(count);
    let leastMs = Infinity;
    for (let i = 0; i < repetitions && now() + Math.min(leastMs, expectedMs) <= endMs; i++) {
      leastMs = Math.min(leastMs, (await measure?.(rows, tokens)) ?? Infinity);
    }
    if (leastMs < Infinity) table.enter(rows > 0 ? "decode" : "prompt", Math.max(rows, tokens), count, leastMs);
  }

  for (const step of first.slice(0, 2)) for (const count of threads) await enter(step, count);
  for (const step of [...first.slice(2), ...further]) for (const count of threads) await enter(step, count);
  backend.setThreads(backend.info.threads);
  const costs = table.snapshot();
  return costs.threads.length === 0 ? undefined : costs;
}

/** Numbers of threads to measure: the number at the start, all, half of them, and one. */
export function threadsToMeasure(start: number, max: number): number[] {
  return [...new Set([start, max, Math.ceil(max / 2), 1])].filter((count) => count >= 1 && count <= max);
}
