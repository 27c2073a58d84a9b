// Defines the stores that a fleet has at its broker, with their limits and lifetimes.
import type { Bucket } from "./port.ts";

/** Limits of the stores. Full stores of jobs and pictures refuse more; a full log of events drops its oldest records. */
export interface FleetLimits {
  readonly jobs: number;
  readonly jobBytes: number;
  readonly eventBytes: number;
  readonly pictureBytes: number;
}

export const defaultFleetLimits: FleetLimits = {
  jobs: 10_000,
  jobBytes: 256 * 1024 * 1024,
  eventBytes: 512 * 1024 * 1024,
  pictureBytes: 512 * 1024 * 1024,
};

/** How long the broker keeps a record. A job that runs for longer publishes its whole output again before its records expire. */
export const eventsAgeMs = 120_000;
/** Lifetime of a picture. A gateway stores it again before it publishes a job that has waited for long. */
export const picturesAgeMs = 3_600_000;
/** The queue gives a job to another worker after this time without a sign of its worker. */
export const takenForMs = 5_000;
/** The queue drops a job with an id that it got within this time. */
export const sameIdForMs = 120_000;

/** A cancel outlives the wait of every job in the queue. */
export const bucketLifetimesMs: Readonly<Record<Bucket, number>> = {
  members: 15_000,
  cancels: 3_600_000,
  sessions: 3_600_000,
  jobs: 3_600_000,
};
