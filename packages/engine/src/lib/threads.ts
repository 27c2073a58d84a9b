// Owns how many threads compute, by the size of the pass: each size finds its own best count from the times of real
// passes, and a collapse moves all of them. It knows no clock or backend.
import { createThreadChoice, type ThreadChoice, type TrialDebt } from "./thread-choice.ts";

/** Collapsed passes, each undoing one good pass, after which fewer threads are tried. */
const strikesToFallBack = 3;

export interface ThreadGovernorOptions {
  /** The threads to begin with. */
  readonly start: number;
  /** Most threads that may compute. */
  readonly max: number;
}

export interface ThreadChange {
  /** Passes collapsed, whatever their size; or that is over; or passes of this size are faster so. */
  readonly kind: "fell" | "recovered" | "chose";
  readonly threads: number;
  readonly before: number;
}

export interface ThreadGovernor {
  /** For the next pass, when it feeds so many tokens. */
  threadsFor(tokens: number): number;
  /** Learns from a pass that was computed as `threadsFor` said; returns what that changed for good, if anything. */
  observe(pass: {
    readonly tokens: number;
    readonly threads: number;
    readonly passMs: number;
  }): ThreadChange | undefined;
}

/**
 * Every pass waits at barriers for its slowest thread. When something else wants a core, that is a scheduler's time
 * slice each time, and many threads are not a little slower but many times; fewer threads then win by far. On a quiet
 * machine it depends on the pass: a narrow one of a small model is over before a second thread has begun.
 */
export function createThreadGovernor({ start, max }: ThreadGovernorOptions): ThreadGovernor {
  const first = Math.max(1, Math.min(start, max));
  const counts = countsToTry(first, max);
  /** By size: half a power of two wide, so there are two for each doubling of the batch size. */
  const choices = new Map<number, ThreadChoice>();
  const strikes = new Map<number, number>();
  const debt: TrialDebt = { paidAtMs: 0 };
  /** Computed in passes of all sizes. */
  let computedMs = 0;
  /** No more than that is known to be safe. */
  let ceiling = max;
  let fellAtMs = 0;
  let recoveredAtMs = 0;
  let relapses = 0;

  function choiceFor(tokens: number): ThreadChoice {
    const size = Math.round(Math.log2(tokens) * 2);
    const choice = choices.get(size) ?? createThreadChoice({ start: beginWith(size), counts, debt });
    choices.set(size, choice);
    return choice;
  }

  /** What smaller passes gain from, larger ones do. */
  function beginWith(size: number): number {
    const smaller = [...choices].filter(([known]) => known < size).map(([, choice]) => choice.settled);
    return Math.min(ceiling, Math.max(first, ...smaller));
  }

  function strike(threads: number, collapsed: boolean): boolean {
    const count = Math.max(0, (strikes.get(threads) ?? 0) + (collapsed ? 1 : -1));
    strikes.set(threads, count);
    return count >= strikesToFallBack;
  }

  function fallBack(before: number, lostMs: number): ThreadChange | undefined {
    const threads = counts.findLast((count) => count < before);
    if (threads === undefined) return undefined;
    // A recovery that did not last as long as the wait for it was none.
    relapses = computedMs - recoveredAtMs < recoveredAtMs - fellAtMs ? relapses + 1 : 0;
    fellAtMs = computedMs;
    ceiling = threads;
    strikes.clear();
    for (const choice of choices.values()) {
      if (choice.settled > threads) choice.fallTo(threads, { lostMs, computedMs, failures: relapses });
    }
    return { kind: "fell", threads, before };
  }

  function chose(threads: number, before: number): ThreadChange {
    if (threads <= ceiling) return { kind: "chose", threads, before };
    ceiling = threads;
    recoveredAtMs = computedMs;
    return { kind: "recovered", threads, before };
  }

  return {
    threadsFor: (tokens) => choiceFor(tokens).next,
    observe({ tokens, threads, passMs }) {
      computedMs += passMs;
      const choice = choiceFor(tokens);
      const before = choice.settled;
      const collapsedByMs = choice.observe({ threads, passMs, computedMs });
      if (choice.settled !== before) return chose(choice.settled, before);
      if (collapsedByMs === undefined || !strike(threads, collapsedByMs > 0)) return undefined;
      return fallBack(threads, strikesToFallBack * collapsedByMs);
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
