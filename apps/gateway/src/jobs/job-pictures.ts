// Owns the pictures of one job in the fleet's store: stores them before the job's record, keeps them there while the job waits, and deletes them.
import { picturesOf, withPictures, type Picture } from "@waggle/engine";
import type { GatewaySide, JobRecord, StoredPictures } from "@waggle/fleet";
import type { JobSpec } from "@waggle/jobs";
import type { Clock } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";

/** Pictures that were stored before this time are stored again when their job is published: NATS deletes them after an hour. */
const storeAgainMs = 1_800_000;

export interface JobPictures {
  readonly stored: StoredPictures;
  /** Stores the pictures, unless they were stored lately. @throws WaggleError resource_exhausted, unavailable */
  store(): Promise<void>;
  /** Stops storing. Call it when the job has ended. */
  stop(): void;
  /** Deletes the pictures. Never throws. */
  remove(): Promise<void>;
}

export interface JobPicturesOptions {
  readonly side: Pick<GatewaySide, "pictures">;
  readonly client: string;
  readonly stored: StoredPictures;
  /** Undefined for a job of another gateway, which has stored them. */
  readonly pictures: readonly Picture[] | undefined;
  readonly clock: Clock;
}

export function createJobPictures({ side, client, stored, pictures, clock }: JobPicturesOptions): JobPictures {
  const { key } = stored;
  const storing = new AbortController();
  let storedAt = -Infinity;
  return {
    stored,
    async store() {
      if (pictures === undefined || clock.now() - storedAt < storeAgainMs) return;
      const now = clock.now();
      await side.pictures.put(key, pictures, { client, signal: storing.signal });
      storedAt = now;
    },
    stop: () => storing.abort(new WaggleError("cancelled", "The job has ended.")),
    remove: async () => await side.pictures.remove(key),
  };
}

/** The spec as messages of the fleet have it: with names for its pictures instead of their bytes. */
export function withoutPictures(spec: JobSpec): JobSpec {
  return picturesOf(spec.work) === undefined ? spec : { ...spec, work: withPictures(spec.work, undefined) };
}

/** The spec of a job that this gateway takes over. Only workers need the bytes of its pictures, so they stay in the store. */
export function specOfRecord({ spec, pictures }: Pick<JobRecord, "spec" | "pictures">): JobSpec {
  if (pictures === undefined) return spec;
  const named = pictures.files.map(({ sha256 }) => ({ sha256, bytes: new Uint8Array() }));
  return { ...spec, work: withPictures(spec.work, named) };
}
