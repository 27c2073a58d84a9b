// Owns what a job's choice of LoRA adapters means in the engine: llama.cpp sets them for a whole context, so a pass is shared by slots of the same choice
// only, and what was computed under one choice is of no use to another.
import { WaggleError } from "@waggle/protocol";
import type { LoraAdapter, LoraChoice } from "@waggle/protocol";
import type { SlotSampling } from "./backend.ts";
import { isPrefilling, type SchedulableSlot } from "./schedule.ts";

/** Passes that one choice has before it is another one's turn: to change adapters has llama.cpp plan its pass anew, which costs a third of one. */
export const passesPerTurn = 4;

/**
 * A scale for each adapter, or undefined where they are those that the model was loaded with.
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
  const has = count === 0 ? "the model has none" : `the model has ${count}, from 0`;
  return new WaggleError("invalid_argument", `Cannot accept field "lora": there is no adapter ${id}; ${has}.`, {
    details: { problems: [{ field: "lora", problem: `no adapter ${id}` }] },
  });
}

/** The same for the same choice. */
export function adapterKey({ adapters }: Pick<SlotSampling, "adapters">): string {
  return adapters === undefined ? "" : adapters.join(",");
}

/** Who may have what a job has computed: jobs of the same client and the same choice. */
export function cacheScopeOf(prepared: {
  readonly job: { readonly cacheScope: string };
  readonly sampling: Pick<SlotSampling, "adapters">;
}): string {
  const { cacheScope } = prepared.job;
  const key = adapterKey(prepared.sampling);
  return key === "" ? cacheScope : `${cacheScope}\n${key}`;
}

type Taking = Pick<SchedulableSlot, "state" | "pending"> & { readonly adapters: string };

export interface AdapterTurns {
  /** The slots that may take part in the next pass: all of them, unless they have chosen differently. */
  next<S extends Taking>(slots: readonly S[]): readonly S[];
}

/** Whoever has waited longest is next. */
export function createAdapterTurns(): AdapterTurns {
  /** Of each choice that takes part, the pass of its last turn. */
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
