// Owns simulated decoding passes, with times by formula, for tests of the number of threads.
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

/** Of the next pass that decodes in so many slots. */
export function threadsFor(pacing: Pacing, tokens: number): number {
  return pacing.threads({ decodeRows: tokens, tokens });
}

/** Runs so many passes of this size; `passMs` gets the number of the pass, counted from 0. */
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

/** Time that these passes took longer than with the best count, in ms. */
export function lostMs(passes: readonly SimulatedPass[], bestMs: number): number {
  return passes.reduce((sum, { passMs }) => sum + passMs - bestMs, 0);
}

/** The thread count of most of these passes. */
export function usualThreads(passes: readonly SimulatedPass[]): number | undefined {
  const counts = new Map<number, number>();
  for (const { threads } of passes) counts.set(threads, (counts.get(threads) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}
