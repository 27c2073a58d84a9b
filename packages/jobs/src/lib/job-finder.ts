// Owns how a client's job is found by its name: here, or where else it may be.
import type { Job } from "./job.ts";

export interface JobFinder {
  /** Undefined for one that nobody knows, or that was forgotten. @throws WaggleError unavailable where that cannot be told */
  find(client: string, id: string): Promise<Job | undefined>;
  /** The same, where the job came with this request; undefined, with nothing changed, where it came with another one. */
  join(client: string, id: string, requestDigest: string | undefined): Promise<Job | undefined>;
  /** Cancels the session's job that is elsewhere; its id when that is over, undefined where there is none. @throws WaggleError unavailable */
  cancelSession(client: string, sessionId: string): Promise<string | undefined>;
}
