// Asks the history on disk in place of servers that do not run.
import { join } from "node:path";
import { isPast, placesIn, readDay, type DayQuery, type PastQuery } from "@waggle/telemetry/day-log";
import { logLinesOf } from "@waggle/telemetry/log-ring";
import type { PastQuery as AskedPast, WorkerClient } from "@waggle/client";
import { endedJobsLimit, endedQueryLimit, type EndedJob } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context } from "../command.ts";
import { isAddressGiven } from "../worker/reach.ts";
import { findServers } from "./need-server.ts";

export interface PastServer {
  readonly worker: string | undefined;
  readonly client: Pick<WorkerClient, "jobs" | "logs">;
}

/** The running servers; without a worker at the usual address, all servers of this user with a history. @throws CliError without both */
export async function findPast(context: Context, url: string | undefined): Promise<readonly PastServer[]> {
  try {
    return await findServers(context, url);
  } catch (error) {
    const isAway = error instanceof CliError && error.exitCode === exitCodes.unavailable;
    if (!isAway || isAddressGiven(context, url)) throw error;
    const folder = join(context.config.stateFolder, "history");
    const places = await placesIn(folder);
    if (places.length === 0) throw error;
    context.err.write(`No worker answers at ${context.config.url}. This is the history in ${folder}.\n`);
    return places.map((place) => ({
      worker: places.length > 1 ? place : undefined,
      client: storedClient(folder, place),
    }));
  }
}

function storedClient(folder: string, place: string): PastServer["client"] {
  const msOf = (iso: string | undefined): number | undefined => (iso === undefined ? undefined : Date.parse(iso));
  const pastOf = ({ job, client, since, until }: AskedPast): PastQuery => ({
    ...{ job, client, since: msOf(since), until: msOf(until) },
  });
  return {
    async logs({ lines: count = 100, level, ...asked } = {}) {
      const read = async (query: DayQuery) => await readDay(folder, query, place);
      return { lines: [...(await logLinesOf(read, { count, level, ...pastOf(asked) }))] };
    },
    async jobs(asked = {}) {
      const count = isPast(asked) ? endedQueryLimit : endedJobsLimit;
      const rows = await readDay(folder, { kind: "job", count, ...pastOf(asked) }, place);
      const ended = rows.map(({ value }) => value as unknown as EndedJob).toReversed();
      return { jobs: [], total: 0, of: "all", ended };
    },
  };
}
