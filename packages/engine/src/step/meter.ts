// Measures passes: sets the threads of a pass, charges its time to its jobs, and keeps its statistics until they are sent.
import type { Pacing } from "../schedule/costs/pacing.ts";
import { shapeOf } from "../schedule/costs/step-shape.ts";
import type { ThreadChange } from "../schedule/costs/threads.ts";
import type { Backend } from "../port/backend.ts";
import type { StepStats } from "../port/messages.ts";
import { usedCells } from "../schedule/cells.ts";
import type { JobWork } from "../schedule/charge.ts";
import { isDecoding, runsIn, type Run, type Slot } from "../schedule/slots.ts";
import { generatorOf } from "../sequence/prepare.ts";
import type { Outbox } from "./outbox.ts";

export interface PassMeterOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly pacing: Pick<Pacing, "threads" | "observe">;
  readonly charge: (works: readonly JobWork[], ms: number) => void;
  readonly outbox: Pick<Outbox, "flush">;
  readonly now: () => number;
  /** Called when the limit of threads has changed. */
  readonly onThreadChange: (change: ThreadChange) => void;
}

/** What a pass has done, in addition to its work. */
export type PassCounts = Pick<StepStats, "scored" | "guessed" | "rightGuesses">;

export interface PassMeter {
  /** Number of passes that have ended. */
  readonly passes: number;
  /**
   * Runs a pass.
   * @param compute returns a function that applies the results
   * @returns milliseconds of the pass
   */
  run(works: readonly JobWork[], compute: () => Promise<(endMs: number) => PassCounts>): Promise<number>;
  /** Counts a context that was shifted before the next pass. */
  countShift(): void;
  /** Sends the events so far, with the statistics of the last pass if they were not sent. */
  flush(): void;
  /** The time until now is no gap between two passes: the engine has computed a text. */
  skipGap(): void;
  /** There is nothing to compute, so the time until the next pass is no gap. */
  rest(): void;
}

/** What a pass computes for a job. @param tokens number of tokens, or of a picture's cells, with drafts */
export function workOf(run: Run, tokens: number): JobWork {
  const { slot } = run;
  return { run, slot: slot.id, tokens, held: slot.held.entries.length, decodes: isDecoding(run) };
}

export function createPassMeter({ backend, slots, pacing, outbox, now, ...options }: PassMeterOptions): PassMeter {
  let { threads } = backend.info;
  let passes = 0;
  /** When the last pass ended; undefined when the engine has rested since. */
  let lastEndMs: number | undefined;
  let shifts = 0;
  /** Statistics of the last pass, until they are sent. */
  let last: StepStats | undefined;

  return {
    get passes() {
      return passes;
    },
    async run(works, compute) {
      const shape = shapeOf(works, generatorOf(backend));
      const wanted = pacing.threads(shape);
      if (wanted !== threads) backend.setThreads(wanted);
      threads = wanted;
      const startMs = now();
      const apply = await compute();
      const endMs = now();
      const passMs = endMs - startMs;
      passes += 1;
      options.charge(works, passMs);
      const counts = apply(endMs);
      last = {
        step: passes,
        width: works.length,
        decodeRows: works.filter(({ decodes }) => decodes).length,
        tokens: works.reduce((sum, { tokens }) => sum + tokens, 0),
        ...counts,
        ...{ passMs, gapMs: startMs - (lastEndMs ?? startMs), shifts, threads },
        cells: usedCells(slots),
        parked: runsIn(slots, "preempted").length,
      };
      lastEndMs = endMs;
      shifts = 0;
      const change = pacing.observe(shape, { threads, ms: passMs, scored: counts.scored });
      if (change !== undefined) options.onThreadChange(change);
      return passMs;
    },
    countShift() {
      shifts += 1;
    },
    flush() {
      const stats = last;
      last = undefined;
      outbox.flush(stats);
    },
    skipGap() {
      if (lastEndMs !== undefined) lastEndMs = now();
    },
    rest() {
      lastEndMs = undefined;
    },
  };
}
