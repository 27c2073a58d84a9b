// Owns the state that the parts of one simulation share: random numbers, time, the worker under test, and observations.
import type { FakeClock } from "@waggle/testing";
import type { JobLimits } from "@waggle/jobs";
import type { InlineWorker } from "../inline-worker.ts";
import type { SimulatedTools } from "./calls.ts";
import type { Random } from "./random.ts";
import type { Rules } from "./rules.ts";
import type { Visitor } from "./visitor.ts";
import type { Wire } from "./wire.ts";
import type { Witness } from "./witness.ts";

export interface World {
  readonly random: Random;
  readonly clock: FakeClock;
  readonly worker: InlineWorker;
  readonly wire: Wire;
  readonly rules: Rules;
  readonly limits: JobLimits;
  readonly contextSize: number;
  /** Undefined in a schedule without calls. */
  readonly tools: SimulatedTools | undefined;
  /** The uids of the jobs that were taken from the queue and not yet given back. */
  readonly tickets: ReadonlySet<string>;
  /** All accepted jobs, in the order of their acceptance. */
  readonly witnesses: Witness[];
  readonly visitors: Visitor[];
  /** Whether the worker refuses new jobs. */
  refusing: boolean;
  /** Adds a line to the history. */
  note(line: string): void;
  count(what: string): void;
  /** Reports a broken rule. */
  fault(message: string): void;
}
