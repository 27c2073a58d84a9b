// Reads the query parameters of routes about the past: a job, a client and a time.
import { WaggleError } from "@waggle/protocol";
import type { PastQuery } from "@waggle/telemetry";
import type { AppContext } from "../../server/context.ts";

/** @throws WaggleError invalid_argument */
export function pastQueryOf(c: AppContext): PastQuery {
  const [since, until] = [timeOf(c, "since"), timeOf(c, "until")];
  if (since !== undefined && until !== undefined && since >= until) {
    throw new WaggleError("invalid_argument", 'Cannot read field "until": it must be later than since.');
  }
  return { job: c.req.query("job"), client: c.req.query("client"), since, until };
}

/** @throws WaggleError invalid_argument */
export function timeOf(c: AppContext, name: string): number | undefined {
  const given = c.req.query(name);
  if (given === undefined) return undefined;
  const time = Date.parse(given);
  if (!Number.isNaN(time)) return time;
  throw new WaggleError(
    "invalid_argument",
    `Cannot read field "${name}": it must be a time such as 2026-01-31T10:00:00Z.`,
  );
}
