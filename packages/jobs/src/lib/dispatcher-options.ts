// Owns what a dispatcher is made of: the engine as it sees it, and what it shares with others.
import type { Clock } from "@waggle/async";
import type { EngineCommand } from "@waggle/engine";
import type { AdmissionQueue, SessionRegistry } from "@waggle/queue";
import type { Job, SequenceState } from "./job.ts";
import type { JobLimits } from "./job-limits.ts";
import type { JobSpec } from "./job-spec.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Fingerprints } from "./receipt.ts";
import type { JobRegistry } from "./registry.ts";

/** What the dispatcher sees of the engine, or of many of them. */
export interface EngineLink {
  /** Loaded and taking jobs. */
  readonly ready: boolean;
  /** It takes nothing more for the moment, though it may have free slots. */
  readonly full?: boolean;
  /** May change at any time. */
  readonly slots: number;
  /** Never throws: what cannot be sent fails by an event. */
  send(command: EngineCommand): void;
  /**
   * Called before a job is accepted, where present: reserves its name wherever else jobs are accepted.
   * @throws WaggleError conflict, payload_too_large
   */
  reserve?(spec: JobSpec & { readonly id: string }): Promise<Reservation>;
  /** Called in place of a `submit` where present, by who has to know whose job it is. Never throws either. */
  run?(job: Job, sequence: SequenceState): void;
}

/** A job's name, before its job is accepted. */
export interface Reservation {
  /** What the ids of its tool calls have in common. */
  readonly callKey: string;
  /** The job is refused after all. */
  release(): void;
}

export interface DispatcherOptions {
  readonly queue: AdmissionQueue<Job>;
  readonly registry: JobRegistry;
  readonly sessions: SessionRegistry;
  readonly engine: EngineLink;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly limits: JobLimits;
  /** The name the model is served under. */
  readonly model: () => string;
  /** What its jobs' own names begin with, where several dispatchers share a registry; "j" by default. */
  readonly uidPrefix?: string;
  /** Of what runs this job, or has run it. */
  readonly fingerprints: (job: Job) => Fingerprints;
}
