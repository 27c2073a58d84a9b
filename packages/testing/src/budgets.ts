// Owns how many runs property tests and simulations have, and the seed of their random numbers. `test` draws the same values each time, so that only
// a change can make it fail; `test:long` draws new values. vitest.config.ts provides both to all tests.
import { randomInt } from "node:crypto";
import type { ProvidedContext } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    readonly runs: Readonly<Record<keyof typeof budgets, number>>;
    readonly seed: number;
  }
}

/** Number of runs in `test`, and in `test:long`. */
const budgets = {
  /** Each property without another row. */
  property: [100, 2_000],
  slowProperty: [25, 250],
  /** Properties that compute with a real model. */
  modelProperty: [2, 50],
  /** Random requests with guesses, for each backend. */
  guessedRequests: [20, 200],
  /** Random texts of each chat template's grammar. */
  grammarTexts: [6, 60],
  clientCuts: [100, 200],
  queueSchedules: [60, 1_000],
  /** Of fifty requests each. */
  malformedBatches: [30, 600],
  laneFaults: [15, 300],
  engineSchedules: [40, 2_000],
  workerSchedules: [60, 2_000],
  workerSchedulesWithCalls: [12, 500],
  /** Answers of each dialect that lose their engine. */
  engineLosses: [6, 80],
  fleets: [40, 600],
} as const;

const mostSeed = 1_000_000;

/** WAGGLE_PROPERTY_SEED and WAGGLE_RUNS repeat a run that failed. */
export function budgetsOf({ WAGGLE_LONG, WAGGLE_PROPERTY_SEED, WAGGLE_RUNS }: NodeJS.ProcessEnv): ProvidedContext {
  const isLong = WAGGLE_LONG === "1";
  const seed = Number(WAGGLE_PROPERTY_SEED ?? (isLong ? randomInt(mostSeed) : 1));
  const rows = Object.entries(budgets).map(([name, of]) => [name, Number(WAGGLE_RUNS ?? of[isLong ? 1 : 0])]);
  return { seed, runs: Object.fromEntries(rows) as ProvidedContext["runs"] };
}
