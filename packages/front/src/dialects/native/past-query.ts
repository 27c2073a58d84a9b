// Reads the query parameters of routes about the past: a job, a client and a time; and limits how many of them a client asks at a time.
import { createShares } from "@waggle/async";
import { WaggleError, refuseField } from "@waggle/protocol";
import type { PastQuery } from "@waggle/telemetry";
import { leavingOf } from "../../server/connection.ts";
import type { AppContext } from "../../server/context.ts";

/** @throws WaggleError invalid_argument */
export function pastQueryOf(c: AppContext): PastQuery {
  const [since, until] = [timeOf(c, "since"), timeOf(c, "until")];
  if (since !== undefined && until !== undefined && since >= until) {
    throw refuseField("until", "it must be later than since");
  }
  return { job: c.req.query("job"), client: c.req.query("client"), since, until };
}

/** @throws WaggleError invalid_argument */
export function timeOf(c: AppContext, name: string): number | undefined {
  const given = c.req.query(name);
  if (given === undefined) return undefined;
  const time = Date.parse(given);
  if (!Number.isNaN(time)) return time;
  throw refuseField(name, "it must be a time such as 2026-01-31T10:00:00Z");
}

/** Runs a read of the day on disk, which ends when the client leaves. @throws WaggleError resource_exhausted beyond the client's share */
export type ReadPast = <T>(c: AppContext, read: (left: AbortSignal) => Promise<T>) => Promise<T>;

/** As many as may wait for the disk. */
const mostReads = 8;

export function createReadPast(clientShare: number): ReadPast {
  const reads = createShares(mostReads, clientShare);
  return async (c, read) => {
    const client = c.get("client");
    if (reads.limitFor(client, 1) !== undefined) {
      const why = `Cannot read the history: ${reads.clientCapacity} requests of this client read it. Retry in 1 s.`;
      throw new WaggleError("resource_exhausted", why, { retryAfterS: 1 });
    }
    reads.add(client, 1);
    let held = 1;
    const release = (): void => {
      reads.add(client, -held);
      held = 0;
    };
    const left = leavingOf(c);
    left.addEventListener("abort", release, { once: true });
    return await read(left).finally(release);
  };
}
