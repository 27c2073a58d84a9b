// Owns how many threads compute, by the kind of pass: each kind finds its own best count, and a collapse moves all of
// them. It knows no clock or backend.
import { createChoice, type Choice } from "./choice.ts";
import { kindOf, type Pass, type PassCosts, type PassKind } from "./pass-costs.ts";
import type { Trials } from "./trials.ts";

/** A pass that takes this many times what it should has collapsed; a full context alone may cost three times. */
const collapseFactor = 4;
/** Of a core that one more thread wants: others must leave so much of it. */
const leastFree = 0.7;
/** The last times that this was told, in each of which it must hold: a storm that pauses is not over. */
const timesFree = 5;
/** Collapsed passes, each undoing one good pass, after which fewer threads are tried. */
const strikesToFallBack = 3;

export interface ThreadLimits {
  /** The threads to begin with. */
  readonly start: number;
  /** Most threads that may compute. */
  readonly max: number;
  /** Computes with `start` whatever the passes take. */
  readonly pinned?: boolean;
}

export interface ThreadChange {
  /** Passes collapsed, whatever their kind; or that is over; or passes of this kind are faster so. */
  readonly kind: "fell" | "recovered" | "chose";
  readonly threads: number;
  readonly before: number;
}

export interface ThreadGovernor {
  /** For a pass of this kind when nothing is on trial. */
  settledFor(kind: PassKind): number;
  /** For the next pass. */
  nextFor(kind: PassKind): number;
  /** Whether the next pass of this kind has so many threads, and nothing is on trial. */
  staysWith(kind: PassKind, threads: number): boolean;
  /** Learns from a pass that should have taken so long at most; returns what that changed for good, if anything. */
  observe(pass: Pass, expectedMs: number): ThreadChange | undefined;
  /** Learns how many cores others have left to this engine of late, with fractions. Before that, more threads are tried at any time. */
  notice(freeCores: number): void;
}

/**
 * Every pass waits at barriers for its slowest thread. When something else wants a core, that is a scheduler's time
 * slice each time, and many threads are not a little slower but many times; fewer threads then win by far. On a quiet
 * machine it depends on the pass: a narrow one of a small model is over before a second thread has begun.
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
  /** No more than that is known to be safe. */
  let ceiling = max;

  function choiceFor(kind: PassKind): Choice {
    const choice =
      choices.get(kind) ??
      createChoice({ start: beginWith(kind), counts, trials, usualMs: (count) => usualMs(kind, count), hasRoomFor });
    choices.set(kind, choice);
    return choice;
  }

  /** What smaller passes gain from, larger ones do. */
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
    notice(cores) {
      freeCores = [...freeCores, cores].slice(-timesFree);
    },
  };
}

/** Powers of two and what lies half-way, besides the first and the most: with many cores, one thread is no difference. */
function countsToTry(first: number, max: number): number[] {
  const counts = new Set([first, max]);
  for (let count = 1; count <= max; count *= 2) {
    counts.add(count);
    if (count > 1 && count * 1.5 <= max) counts.add(count * 1.5);
  }
  return [...counts].toSorted((a, b) => a - b);
}
