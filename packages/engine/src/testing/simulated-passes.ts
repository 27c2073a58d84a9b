// Owns passes that take what a formula says, for tests of the thread governor.
import type { ThreadChange, ThreadGovernor } from "../lib/threads.ts";

export interface SimulatedPass {
  readonly tokens: number;
  readonly threads: number;
  readonly passMs: number;
  readonly change: ThreadChange | undefined;
}

/** Runs so many passes of this size; `passMs` may look at the number of the pass, counted from 0. */
export function runPasses(
  governor: ThreadGovernor,
  passes: number,
  passMs: (threads: number, pass: number) => number,
  tokens = 8,
): SimulatedPass[] {
  return Array.from({ length: passes }, (_, pass) => {
    const threads = governor.threadsFor(tokens);
    const ms = passMs(threads, pass);
    return { tokens, threads, passMs: ms, change: governor.observe({ tokens, threads, passMs: ms }) };
  });
}

export function threadsOf(passes: readonly SimulatedPass[]): number[] {
  return passes.map(({ threads }) => threads);
}

/** What these passes took longer than with the best count, in ms. */
export function lostMs(passes: readonly SimulatedPass[], bestMs: number): number {
  return passes.reduce((sum, { passMs }) => sum + passMs - bestMs, 0);
}

/** The thread count of most of these passes. */
export function usualThreads(passes: readonly SimulatedPass[]): number | undefined {
  const counts = new Map<number, number>();
  for (const { threads } of passes) counts.set(threads, (counts.get(threads) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}
