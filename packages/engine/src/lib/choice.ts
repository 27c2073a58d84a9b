// Owns one count that trials on real passes choose: the one that has proved best, and when and how another one is tried.
// It does not know what is counted, and no clock but the milliseconds of compute.
import { rememberedPasses } from "./pass-costs.ts";
import type { Trials } from "./trials.ts";

/** Good passes with a count before another one is tried. */
const passesBeforeTrial = 8;
/** The two counts alternate after so many passes: a context that grows or a neighbour that comes then touches both. */
const passesInARow = 3;
/** Usual passes that the candidate may lose before the trial ends early. */
const mostLostPasses = 3;
/** Part of the present count's time that a higher one may take at most: it wants what others may want. */
const moreMayTake = 0.9;
/** Part that a lower one may take at most: anything closer is noise. */
const fewerMayTake = 0.97;
/** The first wait after a trial that lost time, in times of what it lost. */
const paybackFactor = 8;
/** The longest wait between two trials. */
const mostUsualPassesToWait = 8_192;
/** When usual passes take so many times what they took, or the inverse, what trials have told no longer holds. */
const changeFactor = 1.5;

export interface ChoiceOptions {
  readonly start: number;
  /** All counts that may be tried, ascending. */
  readonly counts: readonly number[];
  readonly trials: Trials;
  /** What a pass with this count takes, in ms, by the last `rememberedPasses` of them. */
  readonly usualMs: (count: number) => number | undefined;
  /** Whether a count above the settled one may be tried now; always where absent. */
  readonly hasRoomFor?: (count: number, settled: number) => boolean;
}

export interface Choice {
  /** The best count known. */
  readonly settled: number;
  /** Another one is on trial. */
  readonly trying: boolean;
  /** The count of the next pass, which is about to begin: the settled one, or one on trial. */
  next(): number;
  /** Learns that the pass with the count of `next` took so long; nothing is tried after one that collapsed. */
  observe(passMs: number, collapsed?: boolean): void;
  /** Settles for another count; the present one is tried again when what it lost is paid back. */
  fallTo(count: number, lostMs: number): void;
}

interface Trial {
  readonly candidate: number;
  /** What a pass took when the trial began. */
  readonly presentMs: number;
  passes: number;
  /** What the candidate's passes took longer than that, in all. */
  lostMs: number;
}

/** A count that did worse than another one. */
interface Setback {
  readonly atMs: number;
  readonly lostMs: number;
  /** How often it did before; each time doubles the wait. */
  readonly failures: number;
}

export function createChoice({ start, counts, trials, usualMs, hasRoomFor }: ChoiceOptions): Choice {
  /** The last one of each count. */
  const setbacks = new Map<number, Setback>();
  let settled = start;
  let trial: Trial | undefined;
  /** Whether the trial has the next pass. */
  let onTrial = false;
  /** Since the last trial or fall. */
  let goodPasses = 0;
  /** What a pass took soon after the last trial or fall, and when another count was settled for. */
  let settledMs: number | undefined;
  let settledAtMs = 0;

  function settle(count: number, worse: number, lostMs: number, failures: number): void {
    const atMs = trials.computedMs;
    setbacks.set(worse, { atMs, lostMs: Math.abs(lostMs), failures });
    if (count !== settled) settledAtMs = atMs;
    settled = count;
    trial = settledMs = undefined;
    onTrial = false;
    goodPasses = 0;
  }

  function countOf({ candidate, passes }: Trial): number {
    return Math.floor(passes / passesInARow) % 2 === 0 ? candidate : settled;
  }

  function observeTrial(running: Trial, passMs: number): void {
    const { candidate, presentMs } = running;
    if (countOf(running) === candidate) running.lostMs += passMs - presentMs;
    running.passes += 1;
    const { lostMs, passes } = running;
    const givenUp = lostMs >= mostLostPasses * presentMs;
    if (!givenUp && passes < 2 * rememberedPasses) return;
    const mayTake = candidate > settled ? moreMayTake : fewerMayTake;
    const better = !givenUp && (usualMs(candidate) ?? Infinity) <= mayTake * (usualMs(settled) ?? 0);
    trials.end(running, better ? 0 : paybackMs(lostMs));
    if (better) settle(candidate, settled, lostMs, 1);
    else settle(settled, candidate, lostMs, (setbacks.get(candidate)?.failures ?? 0) + 1);
  }

  function considerTrial(): void {
    goodPasses += 1;
    const presentMs = usualMs(settled);
    if (goodPasses < passesBeforeTrial || presentMs === undefined) return;
    settledMs ??= presentMs;
    const [slower, faster] = [presentMs > changeFactor * settledMs, presentMs * changeFactor < settledMs];
    const next = counts.find((count) => count > settled);
    const above = next === undefined || hasRoomFor?.(next, settled) === false ? undefined : next;
    const below = counts.findLast((count) => count < settled);
    const candidate = (slower ? [below, above] : [above, below]).find(
      (count) => count !== undefined && isDue(count, presentMs, slower || faster),
    );
    if (candidate === undefined) return;
    const begun = { candidate, presentMs, passes: 0, lostMs: 0 };
    if (trials.take(begun)) trial = begun;
  }

  function isDue(count: number, presentMs: number, changed: boolean): boolean {
    const setback = setbacks.get(count);
    if (setback === undefined) return true;
    const { atMs, lostMs, failures } = setback;
    const doublings = changed ? Math.min(1, failures) : failures;
    return trials.computedMs >= atMs + paybackMs(Math.max(presentMs, lostMs) * 2 ** doublings);
  }

  function paybackMs(lostMs: number): number {
    return Math.min(mostUsualPassesToWait * (usualMs(settled) ?? 0), paybackFactor * lostMs);
  }

  return {
    get settled() {
      return settled;
    },
    get trying() {
      return trial !== undefined;
    },
    next() {
      onTrial = trial !== undefined && trials.take(trial);
      return onTrial && trial !== undefined ? countOf(trial) : settled;
    },
    observe(passMs, collapsed = false) {
      if (trial === undefined) {
        if (!collapsed) considerTrial();
      } else if (onTrial) observeTrial(trial, passMs);
    },
    fallTo(count, lostMs) {
      if (trial !== undefined) trials.end(trial, 0);
      const before = setbacks.get(settled);
      // Success that did not last as long as the wait for it was none.
      const relapsed = before !== undefined && trials.computedMs - settledAtMs < settledAtMs - before.atMs;
      settle(count, settled, lostMs, relapsed ? before.failures + 1 : 0);
    },
  };
}
