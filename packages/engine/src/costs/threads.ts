// Decides how many threads compute each kind of pass: each kind finds its best count, and a collapse lowers the counts of
// all kinds. The module knows no clock or backend.
import { createChoice, type Choice, type Trials } from "./choice.ts";
import { kindOf, type Pass, type PassCosts, type PassKind } from "./pass-costs.ts";

/** A pass that takes this many times its expected time has collapsed. A full context alone may triple the time of a pass. */
const collapseFactor = 4;
/** Part of a core that must be free for one more thread. */
const leastFree = 0.7;
/** Number of measurements in a row that must show a free core, because a load that pauses may return. */
const timesFree = 5;
/** The number of threads falls after this many collapsed passes; each good pass cancels out one collapsed pass. */
const strikesToFallBack = 3;

export interface ThreadLimits {
  /** The number of threads to begin with. */
  readonly start: number;
  readonly max: number;
  /** Always compute with `start` threads. */
  readonly pinned?: boolean;
}

export interface ThreadChange {
  /** `fell`: passes collapsed; `recovered`: the collapse is over; `chose`: this number is faster for passes of this kind. */
  readonly kind: "fell" | "recovered" | "chose";
  readonly threads: number;
  readonly before: number;
}

export interface ThreadGovernor {
  /** Returns the number of threads for a pass of this kind outside of trials. */
  settledFor(kind: PassKind): number;
  /** Returns the number of threads for the next pass, which is of this kind. */
  nextFor(kind: PassKind): number;
  /** Whether the next pass of this kind also uses this number of threads, and no number is on trial. */
  staysWith(kind: PassKind, threads: number): boolean;
  /** Records a pass that should have taken at most `expectedMs`. @returns the change of threads that it caused, if any */
  observe(pass: Pass, expectedMs: number): ThreadChange | undefined;
  /** Records how many cores are free, with fractions. Before the first call, higher numbers of threads are tried at any time. */
  recordFreeCores(freeCores: number): void;
}

/**
 * Each kind of pass has a separate number of threads, because the best number depends on the pass: a pass with few tokens of
 * a small model ends before a second thread has begun. A collapse lowers the numbers of all kinds. Every pass waits at
 * barriers for its slowest thread; when another process needs a core, each barrier takes a time slice of the scheduler, so a
 * pass with many threads is many times slower than a pass with fewer.
 */
export function createThreadGovernor(
  { start, max, pinned }: ThreadLimits,
  trials: Trials,
  usualMs: PassCosts["usualMs"],
): ThreadGovernor {
  const first = Math.max(1, Math.min(start, max));
  const counts = pinned === true ? [first] : countsToTry(first, max);
  const choices = new Map<PassKind, Choice>();
  const strikes = new Map<number, number>();
  let freeCores: readonly number[] = [];
  /** The highest number of threads that has not collapsed. */
  let ceiling = max;

  function choiceFor(kind: PassKind): Choice {
    const choice =
      choices.get(kind) ??
      createChoice({ start: beginWith(kind), counts, trials, usualMs: (count) => usualMs(kind, count), hasRoomFor });
    choices.set(kind, choice);
    return choice;
  }

  /** A number of threads that is faster for smaller passes is also faster for larger ones. */
  function beginWith(kind: PassKind): number {
    const smaller = [...choices].filter(([known]) => known < kind).map(([, choice]) => choice.settled);
    return Math.min(ceiling, Math.max(first, ...smaller));
  }

  function hasRoomFor(count: number, settled: number): boolean {
    return freeCores.every((cores) => cores >= settled + leastFree * (count - settled));
  }

  function strike(threads: number, collapsed: boolean): boolean {
    const count = Math.max(0, (strikes.get(threads) ?? 0) + (collapsed ? 1 : -1));
    strikes.set(threads, count);
    return count >= strikesToFallBack;
  }

  function fallBack(before: number, lostMs: number): ThreadChange | undefined {
    const threads = counts.findLast((count) => count < before);
    if (threads === undefined) return undefined;
    ceiling = threads;
    strikes.clear();
    for (const choice of choices.values()) if (choice.settled > threads) choice.fallTo(threads, lostMs);
    return { kind: "fell", threads, before };
  }

  return {
    settledFor: (kind) => choices.get(kind)?.settled ?? beginWith(kind),
    nextFor: (kind) => choiceFor(kind).next(),
    staysWith(kind, threads) {
      const { settled, trying } = choiceFor(kind);
      return settled === threads && !trying;
    },
    observe(pass, expectedMs) {
      const { threads, passMs } = pass;
      const choice = choiceFor(kindOf(pass));
      const before = choice.settled;
      const collapsed = passMs > collapseFactor * expectedMs;
      choice.observe(passMs, collapsed);
      if (choice.settled !== before) {
        const kind = choice.settled > ceiling ? "recovered" : "chose";
        ceiling = Math.max(ceiling, choice.settled);
        return { kind, threads: choice.settled, before };
      }
      if (threads !== before || !strike(threads, collapsed)) return undefined;
      return fallBack(threads, strikesToFallBack * (passMs - expectedMs));
    },
    recordFreeCores(cores) {
      freeCores = [...freeCores, cores].slice(-timesFree);
    },
  };
}

/** Returns `first`, `max`, the powers of two and the numbers half-way between those: with many cores, one thread more makes no difference. */
function countsToTry(first: number, max: number): number[] {
  const counts = new Set([first, max]);
  for (let count = 1; count <= max; count *= 2) {
    counts.add(count);
    if (count > 1 && count * 1.5 <= max) counts.add(count * 1.5);
  }
  return [...counts].toSorted((a, b) => a - b);
}
