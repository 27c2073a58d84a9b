// Measures passes: sets the threads of a pass, keeps its statistics until they are sent, and then charges its time to its jobs.
import type { Pacing } from "../schedule/costs/pacing.ts";
import { shapeOf, type StepShape } from "../schedule/costs/step-shape.ts";
import type { ThreadChange } from "../schedule/costs/threads.ts";
import type { Backend } from "../port/backend.ts";
import type { StepStats } from "../port/messages.ts";
import { usedCells } from "../schedule/cells.ts";
import type { JobWork } from "../schedule/charge.ts";
import { runsIn, type Slot } from "../schedule/slots.ts";
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
  /** Sends the events so far, with the statistics of the last pass, and then accounts for that pass: while the next one computes, where one follows. */
  flush(): void;
  /** The time until now is not a gap between two passes: the engine has computed a text. */
  skipGap(): void;
  /** There is nothing to compute, so the time until the next pass is not a gap. */
  rest(): void;
}

export function createPassMeter({ backend, slots, pacing, outbox, now, ...options }: PassMeterOptions): PassMeter {
  let { threads } = backend.info;
  let passes = 0;
  /** When the last pass ended; undefined when the engine has rested since. */
  let lastEndMs: number | undefined;
  /** The last pass, until its statistics are sent and it is accounted for. */
  let last: { readonly stats: StepStats; readonly works: readonly JobWork[]; readonly shape: StepShape } | undefined;

  /** Charges the pass to its jobs, and corrects the prices. */
  function account({ stats, works, shape }: NonNullable<typeof last>): void {
    options.charge(works, stats.passMs);
    const { threads, passMs, scored } = stats;
    const change = pacing.observe(shape, { threads, ms: passMs, scored });
    if (change !== undefined) options.onThreadChange(change);
  }

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
      const counts = apply(endMs);
      const stats = {
        step: passes,
        width: works.length,
        decodeRows: works.filter(({ decodes }) => decodes).length,
        tokens: works.reduce((sum, { tokens }) => sum + tokens, 0),
        ...counts,
        ...{ passMs, gapMs: startMs - (lastEndMs ?? startMs), threads },
        cells: usedCells(slots),
        parked: runsIn(slots, "preempted").length,
      };
      last = { stats, works, shape };
      lastEndMs = endMs;
      return passMs;
    },
    flush() {
      const pass = last;
      last = undefined;
      outbox.flush(pass?.stats);
      if (pass !== undefined) account(pass);
    },
    skipGap() {
      if (lastEndMs !== undefined) lastEndMs = now();
    },
    rest() {
      lastEndMs = undefined;
    },
  };
}
