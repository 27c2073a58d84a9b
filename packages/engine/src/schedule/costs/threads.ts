// Decides how many threads compute a step: the cheapest number that other programs leave free. Knows no clock and no backend. Decision 106.
import type { Prices } from "./prices.ts";
import type { StepShape } from "./step-shape.ts";

/** More threads must take at most this part of the time, because other processes may need the cores. */
const moreMayTake = 0.9;
/** A step that takes this many times its price has collapsed: each of its barriers waited for a core that another process had. */
const collapseFactor = 4;
/** The limit falls after so many collapsed steps, of which each good step cancels out one, and after so many measurements of busy cores. */
const timesBusy = 3;
/** It rises after so many measurements of free cores; the second number is for the first time after a collapse. */
const [timesFree, timesFreeAgain] = [5, 30];
/** The part of a core that must be free for the last thread, and the part below which the core is lost. */
const [freeForMore, freeToStay] = [0.7, 0.4];
/** After so many steps with fewer threads than the limit, more are tried again: a machine that was busy has spoiled their prices. */
const stepsToRetry = 500;

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

export interface ThreadChoice {
  /** The number of threads for a step of this shape. */
  threadsFor(shape: StepShape): number;
  /** Records a step and its price. @returns the change of the limit that it caused, if any */
  observe(shape: StepShape, threads: number, ms: number, priceMs: number | undefined): ThreadChange | undefined;
  /** Records how many cores other processes left free, with fractions. To be called about once a second: without it, the limit does not rise. */
  recordFreeCores(freeCores: number): ThreadChange | undefined;
}

export function createThreadChoice(
  { start, max, pinned = false }: ThreadLimits,
  prices: Pick<Prices, "ms" | "forgetAbove">,
): ThreadChoice {
  const first = Math.max(1, Math.min(start, max));
  const counts = pinned ? [first] : countsToChoose(first, max);
  /** Maximum number of threads that may be used now. */
  let most = first;
  let freeCores: readonly number[] = [];
  let neededFree = timesFree;
  let collapsed = 0;
  /** Numbers of steps with fewer threads, without and with prompts. */
  const stepsBelow = { rows: 0, prompts: 0 };

  return {
    threadsFor(shape) {
      let [best, bestMs] = [first, Infinity];
      for (const count of counts) {
        if (count > most) break;
        const ms = prices.ms(shape, count);
        if (ms === undefined) return Math.min(first, most);
        if (bestMs < Infinity && ms > moreMayTake * bestMs) continue;
        [best, bestMs] = [count, ms];
      }
      return best;
    },
    observe(shape, threads, ms, priceMs = Infinity) {
      const kind = shape.prompt.length > 0 ? "prompts" : "rows";
      if (threads < most) stepsBelow[kind] += 1;
      if (stepsBelow[kind] >= stepsToRetry) {
        stepsBelow[kind] = 0;
        prices.forgetAbove(shape, threads);
      }
      collapsed = Math.max(0, collapsed + (ms > collapseFactor * priceMs ? 1 : -1));
      const fewer = counts.findLast((count) => count < threads);
      if (collapsed < timesBusy || fewer === undefined) return undefined;
      [most, collapsed, freeCores, neededFree] = [fewer, 0, [], timesFreeAgain];
      return { kind: "fell", threads: fewer, before: threads };
    },
    recordFreeCores(cores) {
      const before = most;
      const room = (free: number, needed: number): number => Math.max(1, Math.floor(free + 1 - needed));
      freeCores = [...freeCores, cores].slice(-neededFree);
      if (freeCores.length < timesBusy) return undefined;
      most = Math.min(most, room(Math.max(...freeCores.slice(-timesBusy)), freeToStay));
      if (freeCores.length < neededFree) return undefined;
      most = Math.min(max, Math.max(most, room(Math.min(...freeCores), freeForMore)));
      if (most <= before || neededFree === timesFree) return undefined;
      neededFree = timesFree;
      return { kind: "recovered", threads: most, before };
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
