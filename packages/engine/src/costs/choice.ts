// Chooses one count by trials on real passes: keeps the count that proved fastest, and decides when and how another count
// is tried. The module knows neither the meaning of the count nor a clock other than the milliseconds of compute.
import { rememberedPasses } from "./pass-costs.ts";
import type { Trials } from "./trials.ts";

/** Good passes that one count must complete before another count is tried. */
const passesBeforeTrial = 8;
/** The two counts alternate after this many passes, so that a growing context or a busy neighbour process affects both. */
const passesInARow = 3;
/** The trial ends early when the candidate has lost the time of this many usual passes. */
const mostLostPasses = 3;
/** A higher count must need at most this part of the present count's time, because it takes cores that other processes may need. */
const moreMayTake = 0.9;
/** A lower count must need at most this part of the present count's time; a smaller gain is noise. */
const fewerMayTake = 0.97;
/** The first wait after a trial that lost time, as a multiple of the lost time. */
const paybackFactor = 8;
/** The longest wait between two trials, in usual passes. */
const mostUsualPassesToWait = 8_192;
/** When usual passes become this many times slower or faster, the results of earlier trials are outdated. */
const changeFactor = 1.5;

export interface ChoiceOptions {
  readonly start: number;
  /** All counts that may be tried, in ascending order. */
  readonly counts: readonly number[];
  readonly trials: Trials;
  /** The usual time of a pass with this count, in ms, from its last `rememberedPasses` passes. */
  readonly usualMs: (count: number) => number | undefined;
  /** Whether a count above the settled count may be tried now; where absent, it always may. */
  readonly hasRoomFor?: (count: number, settled: number) => boolean;
}

export interface Choice {
  /** The best count known. */
  readonly settled: number;
  /** True while another count is on trial. */
  readonly trying: boolean;
  /** The count of the next pass, which is about to begin: the settled count, or the count on trial. */
  next(): number;
  /** Records the time of the pass that used the count of `next`. After a collapsed pass no trial begins. */
  observe(passMs: number, collapsed?: boolean): void;
  /** Settles for another count. The present count is tried again when the time that it lost is paid back. */
  fallTo(count: number, lostMs: number): void;
}

interface Trial {
  readonly candidate: number;
  /** The usual time of a pass when the trial began. */
  readonly presentMs: number;
  passes: number;
  /** The total time that the candidate's passes took beyond `presentMs`. */
  lostMs: number;
}

/** A count that did worse than another one. */
interface Setback {
  readonly atMs: number;
  readonly lostMs: number;
  /** How often this count did worse before; each time doubles the wait. */
  readonly failures: number;
}

export function createChoice({ start, counts, trials, usualMs, hasRoomFor }: ChoiceOptions): Choice {
  /** The last setback of each count. */
  const setbacks = new Map<number, Setback>();
  let settled = start;
  let trial: Trial | undefined;
  /** Whether the next pass belongs to the trial. */
  let onTrial = false;
  /** Good passes since the last trial or fall. */
  let goodPasses = 0;
  /** The time of a pass soon after the last trial or fall, and when the count last changed. */
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
      // A success that lasted less long than the wait before it counts as a failure.
      const relapsed = before !== undefined && trials.computedMs - settledAtMs < settledAtMs - before.atMs;
      settle(count, settled, lostMs, relapsed ? before.failures + 1 : 0);
    },
  };
}
