// Owns what the parts of one simulation share: chance, time, the worker under test, and what was seen so far.
import type { FakeClock } from "@waggle/testing";
import type { JobLimits } from "@waggle/jobs";
import type { InlineWorker } from "../inline-worker.ts";
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
  /** All jobs that were accepted, in that order. */
  readonly witnesses: Witness[];
  readonly visitors: Visitor[];
  /** New jobs are being refused. */
  refusing: boolean;
  /** Writes a line of the history. */
  note(line: string): void;
  count(what: string): void;
  /** A rule is broken. */
  fault(message: string): void;
}
