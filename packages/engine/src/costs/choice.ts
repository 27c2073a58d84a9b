// Chooses a count, of threads or of turns, by trials on real passes: keeps the count that proved fastest, and decides when
// and how another count is tried. The only clock here is the compute time of passes.
import { rememberedPasses } from "./pass-costs.ts";

/** Passes with the settled count before another count is tried; collapsed passes do not count. */
const passesBeforeTrial = 8;
/** In a trial, both counts alternate after this many passes, so that a growing context or a busy other process slows both. */
const passesInARow = 3;
/** A trial ends early when its candidate has lost the time of this many usual passes. */
const mostLostPasses = 3;
/** A higher count wins a trial if its passes take at most this part of the settled count's time: other processes may need the cores. */
const moreMayTake = 0.9;
/** A lower count wins a trial if its passes take at most this part of the settled count's time; a smaller gain is noise. */
const fewerMayTake = 0.97;
/** The first wait after a trial that lost time, as a multiple of the lost time. */
const paybackFactor = 8;
/** The longest wait between two trials, in usual passes. */
const mostUsualPassesToWait = 8_192;
/** When usual passes become this many times slower or faster, a candidate that failed may be tried again earlier. */
const changeFactor = 1.5;
/** A trial no longer blocks other trials after this many passes without a pass of its kind. */
const mostAwaitedPasses = 32;

export interface ChoiceOptions {
  readonly start: number;
  /** All counts that may be tried, in ascending order. */
  readonly counts: readonly number[];
  readonly trials: Trials;
  /** The median time of the last `rememberedPasses` passes with this count. Milliseconds. */
  readonly usualMs: (count: number) => number | undefined;
  /** Whether a count above the settled count may be tried now; by default always. */
  readonly hasRoomFor?: (count: number, settled: number) => boolean;
}

export interface Choice {
  /** The best count known. */
  readonly settled: number;
  /** True while another count is on trial. */
  readonly trying: boolean;
  /** Returns the count for the pass that is about to begin: the settled count, or the count on trial. */
  next(): number;
  /** Records the time of the pass that used the count of `next`. After a collapsed pass no trial begins. */
  observe(passMs: number, collapsed?: boolean): void;
  /** Replaces the settled count after collapsed passes. The more time the replaced count lost, the later it is tried again. */
  fallTo(count: number, lostMs: number): void;
}

interface Trial {
  readonly candidate: number;
  /** The usual time of a pass when the trial began. */
  readonly presentMs: number;
  passes: number;
  /** Total time that the candidate's passes took beyond `presentMs`. */
  lostMs: number;
}

/** A trial or a collapse in which a count lost against another count. */
interface Setback {
  readonly atMs: number;
  readonly lostMs: number;
  /** Number of doublings of the wait before this count's next trial. */
  readonly failures: number;
}

export function createChoice({ start, counts, trials, usualMs, hasRoomFor }: ChoiceOptions): Choice {
  /** The last setback of each count. */
  const setbacks = new Map<number, Setback>();
  let settled = start;
  let trial: Trial | undefined;
  /** Whether the next pass belongs to the trial. */
  let onTrial = false;
  /** Passes since the last trial or fall, without collapsed ones. */
  let goodPasses = 0;
  /** The usual time of a pass, measured when `passesBeforeTrial` passes had followed the last trial or fall. */
  let settledMs: number | undefined;
  /** When `settled` last changed. */
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
      // If the count was settled for less time than it had waited for its trial, its success counts as another failure.
      const relapsed = before !== undefined && trials.computedMs - settledAtMs < settledAtMs - before.atMs;
      settle(count, settled, lostMs, relapsed ? before.failures + 1 : 0);
    },
  };
}

/**
 * Allows at most one trial of a count at a time. The next trial begins only when the compute time since the last trial is long
 * relative to the time that the last trial lost.
 */
export interface Trials {
  /** Compute time of all passes so far. Milliseconds. */
  readonly computedMs: number;
  /** Records a pass that has ended, whatever its kind. */
  observe(passMs: number): void;
  /** Gives the next pass to this trial if no other trial blocks it, and returns whether it did. */
  take(trial: object): boolean;
  /** Ends the trial. No trial begins or continues until passes have taken `owedMs` more milliseconds. */
  end(trial: object, owedMs: number): void;
}

export function createTrials(): Trials {
  let running: object | undefined;
  let passes = 0;
  /** The number of passes when the running trial took its last pass. */
  let lastTaken = 0;
  let computedMs = 0;
  let paidAtMs = 0;

  return {
    get computedMs() {
      return computedMs;
    },
    observe(passMs) {
      passes += 1;
      computedMs += passMs;
    },
    take(trial) {
      const isFree = running === undefined || passes - lastTaken > mostAwaitedPasses;
      if (running !== trial && (!isFree || computedMs < paidAtMs)) return false;
      running = trial;
      lastTaken = passes;
      return true;
    },
    end(trial, owedMs) {
      if (running === trial) running = undefined;
      paidAtMs = Math.max(paidAtMs, computedMs + owedMs);
    },
  };
}
