// Handles a job's choice of LoRA adapters. llama.cpp sets adapters for a whole context, so only slots with the same choice
// share a pass. A job cannot use a cache that was computed with other adapters.
import { WaggleError } from "@waggle/protocol";
import type { LoraAdapter, LoraChoice } from "@waggle/protocol";
import type { SlotSampling } from "../port/backend.ts";
import { isPrefilling, type SchedulableSlot } from "./schedule.ts";

/** Passes with one choice of adapters before the next choice has its turn: a change costs llama.cpp a third of a pass. */
export const passesPerTurn = 4;

/**
 * @returns a scale for each adapter, or undefined where all scales equal those at load
 * @throws WaggleError invalid_argument when the model has no such adapter
 */
export function adaptersOf(
  chosen: LoraChoice | undefined,
  loaded: readonly LoraAdapter[],
): readonly number[] | undefined {
  if (chosen === undefined) return undefined;
  const scales = loaded.map(() => 0);
  for (const { id, scale } of chosen) {
    if (id >= loaded.length) throw unknownAdapter(id, loaded.length);
    scales[id] = scale;
  }
  return scales.every((scale, id) => scale === loaded[id]?.scale) ? undefined : scales;
}

function unknownAdapter(id: number, count: number): WaggleError {
  const has = count === 0 ? "the model has no adapters" : `the model has ${count}, from 0`;
  return new WaggleError("invalid_argument", `Cannot accept field "lora": there is no adapter ${id}; ${has}.`, {
    details: { problems: [{ field: "lora", problem: `no adapter ${id}` }] },
  });
}

/** Returns equal keys for equal choices of adapters. */
export function adapterKey({ adapters }: Pick<SlotSampling, "adapters">): string {
  return adapters === undefined ? "" : adapters.join(",");
}

/** Only jobs of the same client with the same choice of adapters share a cache. */
export function cacheScopeOf(prepared: {
  readonly job: { readonly cacheScope: string };
  readonly sampling: Pick<SlotSampling, "adapters">;
}): string {
  const { cacheScope } = prepared.job;
  const key = adapterKey(prepared.sampling);
  return key === "" ? cacheScope : `${cacheScope}\n${key}`;
}

/** The client of a cache scope, whatever its adapters. */
export function clientOf(cacheScope: string): string {
  return cacheScope.split("\n", 1)[0] ?? cacheScope;
}

type Taking = Pick<SchedulableSlot, "state" | "pending"> & { readonly adapters: string };

export interface AdapterTurns {
  /** Returns the slots that may take part in the next pass: all slots, unless their choices differ. */
  next<S extends Taking>(slots: readonly S[]): readonly S[];
}

/** The choice of adapters that has waited longest gets the next turn. */
export function createAdapterTurns(): AdapterTurns {
  /** The number of the last pass with each choice. */
  const lastTurns = new Map<string, number>();
  let current = "";
  let passesLeft = 0;
  let passes = 0;

  return {
    next(slots) {
      const taking = slots.filter((slot) => slot.state === "decoding" || isPrefilling(slot));
      const keys = new Set(taking.map(({ adapters }) => adapters));
      if (keys.size <= 1) {
        lastTurns.clear();
        return slots;
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
      return slots.filter(({ adapters }) => adapters === current);
    },
  };
}
