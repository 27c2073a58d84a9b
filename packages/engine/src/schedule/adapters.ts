// Rotates the choices of LoRA adapters: llama.cpp sets adapters for a whole context, so only jobs with the same choice share a pass.
import { adapterKey } from "../port/cache-scope.ts";
import type { Run } from "./slots.ts";

/** Passes with one choice of adapters before the next choice: a change costs llama.cpp a third of a pass. */
export const passesPerChoice = 4;

export interface AdapterRotation {
  /** Returns the jobs that may take part in the next pass: all, unless their choices differ. */
  next(runs: readonly Run[]): readonly Run[];
}

/** The choice of adapters that has waited longest is next. */
export function createAdapterRotation(): AdapterRotation {
  /** The number of the last pass with each choice. */
  const lastPasses = new Map<string, number>();
  let current = "";
  let passesLeft = 0;
  let passes = 0;

  return {
    next(runs) {
      const keys = new Set(runs.map(runAdapterKey));
      if (keys.size <= 1) {
        lastPasses.clear();
        return runs;
      }
      passes += 1;
      for (const key of lastPasses.keys()) if (!keys.has(key)) lastPasses.delete(key);
      if (!keys.has(current) || passesLeft === 0) {
        const lastPassOf = (key: string): number => lastPasses.get(key) ?? 0;
        [current = ""] = [...keys].toSorted((a, b) => lastPassOf(a) - lastPassOf(b));
        passesLeft = passesPerChoice;
      }
      passesLeft -= 1;
      lastPasses.set(current, passes);
      return runs.filter((run) => runAdapterKey(run) === current);
    },
  };
}

/** Returns the jobs that have the choice of adapters of a step. */
export function withAdaptersOf(runs: readonly Run[], [first]: readonly { readonly run: Run }[]): readonly Run[] {
  const key = first === undefined ? undefined : runAdapterKey(first.run);
  return runs.filter((run) => runAdapterKey(run) === key);
}

function runAdapterKey({ prepared }: Run): string {
  return adapterKey(prepared.sampling);
}
