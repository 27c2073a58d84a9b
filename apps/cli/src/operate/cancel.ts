// Owns `waggle cancel`. A job may be named by the beginning of its id, as `waggle jobs` shows it in a terminal.
import { counted } from "@waggle/daemon/terminal";
import { WaggleError } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Run } from "../command.ts";
import { askServers, findServers } from "./need-server.ts";
import { idsThatMatch } from "./short-ids.ts";

export const run: Run = async (context, words) => {
  const [word = ""] = words.args;
  const { signal } = context;
  const servers = await findServers(context, words.text("url"));
  // An admin can cancel a job of another client, which the request must name.
  const lists = await askServers(context, servers, ({ client }) => client.jobs({ signal }));
  const [id = word, ...others] = idsThatMatch(
    word,
    lists.flatMap(({ answer }) => answer.jobs.map(({ job_id }) => job_id)),
  );
  if (others.length > 0)
    throw new CliError(`Several jobs begin with ${word}: ${[id, ...others].join(", ")}.`, exitCodes.wrongUse);
  const holder = lists.find(({ answer }) => answer.jobs.some(({ job_id }) => job_id === id));
  const { client } = servers.find(({ worker }) => worker === holder?.worker) ?? {};
  if (client === undefined) throw new WaggleError("not_found", `No worker of the hive has a job ${id}`);
  const owner = words.text("client") ?? holder?.answer.jobs.find(({ job_id }) => job_id === id)?.client;
  const job = await client.cancelJob(id, { client: owner, signal });
  if (words.has("json")) context.out.write(`${JSON.stringify(job, undefined, 2)}\n`);
  else context.out.write(`Job ${job.job_id} is ${job.state}, after ${counted(job.tokens, "token")}.\n`);
};
