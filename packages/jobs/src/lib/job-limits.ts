// Owns the limits of a job's life.
import type { JobDefaults } from "./new-job.ts";

/** Milliseconds and bytes; each is a flag of the worker. */
export interface JobLimits extends JobDefaults {
  readonly replayBufferBytes: number;
  readonly pingIntervalMs: number;
  readonly readerStallTimeoutMs: number;
  readonly reconnectGraceMs: number;
  /** How long a job lives on whose client may send its request again; 0: not at all. */
  readonly retryGraceMs: number;
  readonly unclaimedTimeoutMs: number;
  /** How long the engine may take to release a slot before the job's end no longer waits for it. */
  readonly supersedeTimeoutMs: number;
}
