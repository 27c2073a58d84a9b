// Simulates decoding passes for tests of the number of threads. The test gives the time of each pass.
import { createPacing, type Pacing } from "../costs/pacing.ts";
import type { ThreadChange, ThreadLimits } from "../costs/threads.ts";

export interface SimulatedPass {
  readonly tokens: number;
  readonly threads: number;
  readonly passMs: number;
  readonly change: ThreadChange | undefined;
}

export function pacingWith(threads: ThreadLimits): Pacing {
  return createPacing({ batchSize: 512, threads });
}

/** Returns the number of threads of the next pass, in which this many slots decode. */
export function threadsFor(pacing: Pacing, tokens: number): number {
  return pacing.threads({ decodeRows: tokens, tokens });
}

/** @param tokens the number of slots that decode in each pass @param passMs gets the number of the pass, counted from 0 */
export function runPasses(
  pacing: Pacing,
  passes: number,
  passMs: (threads: number, pass: number) => number,
  tokens = 8,
): SimulatedPass[] {
  return Array.from({ length: passes }, (_, pass) => {
    const threads = threadsFor(pacing, tokens);
    const ms = passMs(threads, pass);
    return { tokens, threads, passMs: ms, change: pacing.observe({ decodeRows: tokens, tokens, threads, passMs: ms }) };
  });
}

export function threadsOf(passes: readonly SimulatedPass[]): number[] {
  return passes.map(({ threads }) => threads);
}

/** Returns how many milliseconds these passes took longer than with the best number of threads. */
export function lostMs(passes: readonly SimulatedPass[], bestMs: number): number {
  return passes.reduce((sum, { passMs }) => sum + passMs - bestMs, 0);
}

/** Returns the most frequent number of threads. */
export function usualThreads(passes: readonly SimulatedPass[]): number | undefined {
  const counts = new Map<number, number>();
  for (const { threads } of passes) counts.set(threads, (counts.get(threads) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}
