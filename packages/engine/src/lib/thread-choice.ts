// Owns how many threads compute passes of one size: the count that has proved best, and when to try another one. It
// knows no other sizes and no clock but the milliseconds of compute that it is told.
import { createPassTimes } from "./pass-times.ts";
import { createThreadTrial, type ThreadTrial } from "./thread-trial.ts";

/** A pass that takes this many times what it should has collapsed; a full context alone may cost three times. */
const collapseFactor = 4;
/** Good passes with a count before another one is tried. */
const passesBeforeTrial = 8;
/** The first wait after an attempt that lost time, in times of what it lost. */
const paybackFactor = 8;
/** The longest wait between two trials. */
const mostUsualPassesToWait = 8_192;
/** When usual passes take so many times what they took, or the inverse, what trials have told no longer holds. */
const changeFactor = 1.5;

/** What trials have cost; one for all sizes: a pass of any size waits for a trial of any other. */
export interface TrialDebt {
  /** No trial begins before so many ms of compute. */
  paidAtMs: number;
}

export interface ThreadChoiceOptions {
  readonly start: number;
  readonly debt: TrialDebt;
  /** All counts that may be tried, ascending. */
  readonly counts: readonly number[];
}

export interface Pass {
  readonly threads: number;
  readonly passMs: number;
  /** Compute of all passes so far, whatever their size, in ms. */
  readonly computedMs: number;
}

/** A count that did worse than another one. */
export interface Setback {
  readonly lostMs: number;
  readonly computedMs: number;
  /** How often it did before; each time doubles the wait. */
  readonly failures: number;
}

export interface ThreadChoice {
  /** The best count known. */
  readonly settled: number;
  /** The count of the next pass: the settled one, or one on trial. */
  readonly next: number;
  /** Learns from a pass; returns by how many ms it has collapsed: 0 for a good one, undefined for one on trial. */
  observe(pass: Pass): number | undefined;
  /** Settles for fewer threads; more are tried again when what they lost is paid back. */
  fallTo(threads: number, setback: Setback): void;
}

export function createThreadChoice({ start, counts, debt }: ThreadChoiceOptions): ThreadChoice {
  const times = createPassTimes();
  /** The last one of each count. */
  const setbacks = new Map<number, Setback>();
  let settled = start;
  let trial: ThreadTrial | undefined;
  /** Since the last trial or fall. */
  let goodPasses = 0;
  /** What a pass took soon after the last trial or fall. */
  let settledMs: number | undefined;

  function settle(threads: number, worse: number, setback: Setback): void {
    setbacks.set(worse, setback);
    settled = threads;
    trial = undefined;
    goodPasses = 0;
    settledMs = undefined;
  }

  function observeTrial({ candidate, observe }: ThreadTrial, { threads, passMs, computedMs }: Pass): void {
    const verdict = observe(threads, passMs);
    if (verdict === undefined) return;
    const lostMs = Math.abs(verdict.lostMs);
    if (verdict.better) return settle(candidate, settled, { lostMs, computedMs, failures: 1 });
    owe(verdict.lostMs, computedMs);
    settle(settled, candidate, { lostMs, computedMs, failures: (setbacks.get(candidate)?.failures ?? 0) + 1 });
  }

  function owe(lostMs: number, computedMs: number): void {
    const mostMs = mostUsualPassesToWait * (times.usualMs(settled) ?? 0);
    debt.paidAtMs = Math.max(debt.paidAtMs, computedMs + Math.min(mostMs, paybackFactor * lostMs));
  }

  function considerTrial(computedMs: number): void {
    goodPasses += 1;
    const usualMs = times.usualMs(settled);
    if (goodPasses < passesBeforeTrial || usualMs === undefined) return;
    settledMs ??= usualMs;
    const change = usualMs / settledMs;
    if (computedMs < debt.paidAtMs) return;
    const candidate = neighbours(change > changeFactor).find(
      (count) => computedMs >= dueMs(count, usualMs, change > changeFactor || change < 1 / changeFactor),
    );
    if (candidate !== undefined) trial = createThreadTrial({ present: settled, candidate, usualMs });
  }

  function neighbours(fewerFirst: boolean): number[] {
    const above = counts.find((count) => count > settled);
    const below = counts.findLast((count) => count < settled);
    return (fewerFirst ? [below, above] : [above, below]).filter((count) => count !== undefined);
  }

  /** When this count may be tried, in ms of compute. */
  function dueMs(count: number, usualMs: number, changed: boolean): number {
    const setback = setbacks.get(count);
    if (setback === undefined) return 0;
    const { lostMs, computedMs, failures } = setback;
    const wait = paybackFactor * Math.max(usualMs, lostMs) * 2 ** (changed ? Math.min(1, failures) : failures);
    return computedMs + Math.min(mostUsualPassesToWait * usualMs, wait);
  }

  return {
    get settled() {
      return settled;
    },
    get next() {
      return trial?.threads ?? settled;
    },
    observe(pass) {
      const { threads, passMs, computedMs } = pass;
      const onTrial = threads !== settled;
      const expectedMs = times.expectedMs(threads);
      const collapsed = passMs > collapseFactor * expectedMs;
      times.add(threads, passMs);
      if (trial !== undefined) observeTrial(trial, pass);
      else if (!collapsed) considerTrial(computedMs);
      if (onTrial) return undefined;
      return collapsed ? passMs - expectedMs : 0;
    },
    fallTo: (threads, setback) => settle(threads, settled, setback),
  };
}
