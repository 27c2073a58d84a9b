// Decides how many threads compute a step: the number that the table of costs says, within what other programs leave free. Steps that take many times as
// long as predicted lower the limit. Knows no clock and no backend.
import type { StepCostTable } from "./step-costs.ts";
import type { StepShape } from "./step-shape.ts";

/** A step that takes this many times its predicted time has collapsed: each of its barriers waited for a core that another process had. */
const collapseFactor = 4;
/** The number of threads falls after this many collapsed steps; each good step cancels out one. */
const strikesToFallBack = 3;
/** More threads must take at most this part of the time, because other processes may need the cores. */
const moreMayTake = 0.9;
/** The part of a core that must be free for the last thread, in each of the last measurements, and the part below which the core is lost. */
const [freeForMore, freeToStay] = [0.7, 0.4];
const [timesFree, timesBusy] = [5, 3];
/** Without measurements of free cores, a lowered limit rises again after this many steps. */
const stepsToRecover = 512;

export interface ThreadLimits {
  /** The number of threads to begin with. */
  readonly start: number;
  readonly max: number;
  /** Always compute with `start` threads. */
  readonly pinned?: boolean;
}

export interface ThreadChange {
  /** `fell`: steps collapsed; `recovered`: that limit is lifted. */
  readonly kind: "fell" | "recovered";
  readonly threads: number;
  readonly before: number;
}

export interface ThreadGovernor {
  /** The number of threads for a step of this shape. */
  threadsFor(shape: StepShape): number;
  /** Records a step that should have taken `predictedMs`. @returns the change of the limit that it caused, if any */
  observe(threads: number, ms: number, predictedMs: number | undefined): ThreadChange | undefined;
  /** Records how many cores other processes left free, with fractions. To be called regularly. */
  recordFreeCores(freeCores: number): ThreadChange | undefined;
}

export function createThreadGovernor(
  { start, max, pinned }: ThreadLimits,
  costs: Pick<StepCostTable, "ms" | "has">,
): ThreadGovernor {
  const first = Math.max(1, Math.min(start, max));
  const counts = pinned === true ? [first] : countsToChoose(first, max);
  let freeCores: readonly number[] = [];
  /** The most threads for which other processes leave cores. */
  let room = Infinity;
  /** The most threads that have not collapsed. */
  let ceiling = Infinity;
  let strikes = 0;
  /** Number of falls, which make the next wait longer. */
  let falls = 0;
  let waited = 0;

  function threadsFor(shape: StepShape): number {
    const most = Math.min(ceiling, room);
    let best: number | undefined;
    let bestMs = Infinity;
    for (const count of counts) {
      if (best !== undefined && count > most) break;
      const ms = costs.ms(shape, count);
      if (ms === undefined) return counts.findLast((known) => known <= Math.min(first, most)) ?? 1;
      if (best !== undefined && ms > moreMayTake * bestMs) continue;
      best = count;
      bestMs = ms;
    }
    return best ?? first;
  }

  function recover(): ThreadChange | undefined {
    const before = ceiling;
    ceiling = counts.find((count) => count > before) ?? Infinity;
    waited = 0;
    return { kind: "recovered", threads: Math.min(ceiling, max), before };
  }

  return {
    threadsFor,
    observe(threads, ms, predictedMs = Infinity) {
      const isCollapsed = ms > collapseFactor * predictedMs;
      strikes = Math.max(0, strikes + (isCollapsed ? 1 : -1));
      if (strikes >= strikesToFallBack) {
        strikes = 0;
        const fewer = counts.findLast((count) => count < threads);
        if (fewer === undefined) return undefined;
        ceiling = fewer;
        falls += 1;
        waited = 0;
        return { kind: "fell", threads: fewer, before: threads };
      }
      if (ceiling === Infinity || freeCores.length > 0) return undefined;
      waited += 1;
      return waited >= stepsToRecover * 2 ** (falls - 1) ? recover() : undefined;
    },
    recordFreeCores(cores) {
      freeCores = [...freeCores, cores].slice(-timesFree);
      const roomIn = (cores: number, needed: number): number => Math.max(1, Math.floor(cores + 1 - needed));
      const free = roomIn(Math.min(...freeCores), freeForMore);
      // Before enough measurements, the number at the start needs none.
      room = freeCores.length < timesFree ? Math.max(first, free) : Math.max(Math.min(room, max), free);
      if (freeCores.length >= timesBusy)
        room = Math.min(room, roomIn(Math.max(...freeCores.slice(-timesBusy)), freeToStay));
      if (ceiling === Infinity) return undefined;
      const isFree = freeCores.length >= timesFree && free > ceiling;
      waited = isFree ? waited + 1 : 0;
      return waited >= timesFree * 2 ** (falls - 1) ? recover() : undefined;
    },
  };
}

/** Returns `first`, `max`, the powers of two and the numbers half-way between those: with many cores, one thread more makes no difference. */
function countsToChoose(first: number, max: number): number[] {
  const counts = new Set([first, max]);
  for (let count = 1; count <= max; count *= 2) {
    counts.add(count);
    if (count > 1 && count * 1.5 <= max) counts.add(count * 1.5);
  }
  return [...counts].toSorted((a, b) => a - b);
}
