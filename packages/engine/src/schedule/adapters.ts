// Gives choices of LoRA adapters their turns: llama.cpp sets adapters for a whole context, so only jobs with the same choice share a pass.
import { adapterKey } from "../port/cache-scope.ts";
import type { Run } from "./slots.ts";

/** Passes with one choice of adapters before the next choice has its turn: a change costs llama.cpp a third of a pass. */
export const passesPerTurn = 4;

export interface AdapterTurns {
  /** Returns the jobs that may take part in the next pass: all, unless their choices differ. */
  next(runs: readonly Run[]): readonly Run[];
}

/** The choice of adapters that has waited longest gets the next turn. */
export function createAdapterTurns(): AdapterTurns {
  /** The number of the last pass with each choice. */
  const lastTurns = new Map<string, number>();
  let current = "";
  let passesLeft = 0;
  let passes = 0;

  return {
    next(runs) {
      const keys = new Set(runs.map(keyOf));
      if (keys.size <= 1) {
        lastTurns.clear();
        return runs;
      }
      passes += 1;
      for (const key of lastTurns.keys()) if (!keys.has(key)) lastTurns.delete(key);
      if (!keys.has(current) || passesLeft === 0) {
        const turnOf = (key: string): number => lastTurns.get(key) ?? 0;
        [current = ""] = [...keys].toSorted((a, b) => turnOf(a) - turnOf(b));
        passesLeft = passesPerTurn;
      }
      passesLeft -= 1;
      lastTurns.set(current, passes);
      return runs.filter((run) => keyOf(run) === current);
    },
  };
}

function keyOf({ prepared }: Run): string {
  return adapterKey(prepared.sampling);
}
