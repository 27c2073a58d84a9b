// Owns `waggle cancel`. A job may be named by its shortened id, as `waggle jobs` shows it in a terminal.
import { counted } from "@waggle/daemon/terminal";
import { WaggleError, type JobList, type ListedJob } from "@waggle/protocol";
import { isNamed } from "@waggle/telemetry/day-log";
import { wrongUse } from "../cli-error.ts";
import { isShortened } from "@waggle/protocol/short-ids";
import type { Run } from "../command.ts";
import { askServers, findServers, type Answer } from "./need-server.ts";

export const run: Run = async (context, words) => {
  const [word = ""] = words.args;
  const { signal } = context;
  const servers = await findServers(context, words.text("url"));
  const lists = await askServers(context, servers, ({ client }) => client.jobs({ ended: true, signal }));
  const listsAll = lists.length === servers.length && lists.every(({ answer }) => answer.total <= answer.jobs.length);
  const found = jobsThatMatch(lists, word, words.text("client"));
  if (isShortened(word)) {
    if (found.length === 0) throw new WaggleError("not_found", `No job id begins with ${word}`);
    if (!listsAll) throw wrongUse(`Not all jobs are listed, so write the whole id instead of ${word}.`);
  }
  const [{ worker, id, owner } = { worker: undefined, id: word, owner: words.text("client") }, ...others] = found;
  if (others.some((other) => other.id !== id)) {
    const ids = new Set(found.map((job) => job.id));
    throw wrongUse(`Several job ids begin with ${word}: ${[...ids].join(", ")}.`);
  }
  if (others.some((other) => other.owner !== owner)) {
    const owners = new Set(found.map((job) => job.owner));
    throw wrongUse(`Several clients have a job ${id}: ${[...owners].join(", ")}. Choose one with --client <name>.`);
  }
  const { client } = servers.find((server) => server.worker === worker) ?? {};
  if (client === undefined) throw new WaggleError("not_found", `No worker of the hive has a job ${id}`);
  const job = await client.cancelJob(id, { client: owner, signal });
  if (words.has("json")) context.out.write(`${JSON.stringify(job, undefined, 2)}\n`);
  else context.out.write(`Job ${job.job_id} is ${job.state}, after ${counted(job.tokens, "token")}.\n`);
};

type Listed = Pick<ListedJob, "job_id" | "stream_id" | "client">;

interface Match {
  readonly worker: string | undefined;
  readonly id: string;
  /** An admin can cancel a job of another client, which the request must name. */
  readonly owner: string;
}

/**
 * The running and waiting jobs with this id, else the ended ones. For a shortened id all of them, because the table with the id may be old: a job
 * that began since must not be cancelled in place of one that has ended.
 */
function jobsThatMatch(lists: readonly Answer<JobList>[], word: string, client: string | undefined): readonly Match[] {
  const matches = (jobs: (list: JobList) => readonly Listed[]): Match[] =>
    lists.flatMap(({ worker, answer }) =>
      jobs(answer)
        .filter(({ job_id: id, stream_id: streamId = id }) => isNamed(id, word) || isNamed(streamId, word))
        .filter((job) => client === undefined || client === job.client)
        .map((job) => ({ worker, id: job.job_id, owner: job.client })),
    );
  const running = matches(({ jobs }) => jobs);
  const ended = matches(({ ended: jobs = [] }) => jobs);
  return running.length > 0 && !isShortened(word) ? running : [...running, ...ended];
}
