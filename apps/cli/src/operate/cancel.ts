// Owns `waggle cancel`.
import type { Run } from "../command.ts";
import { needServer } from "./need-server.ts";

export const run: Run = async (context, words) => {
  const [id = ""] = words.args;
  const { signal } = context;
  const { client } = await needServer(context, words.text("url"), "jobs");
  // An admin can cancel a job of another client, which the request must name.
  const { jobs } = await client.jobs({ signal });
  const owner = words.text("client") ?? jobs.find(({ job_id }) => job_id === id)?.client;
  const job = await client.cancelJob(id, { client: owner, signal });
  if (words.has("json")) context.out.write(`${JSON.stringify(job, undefined, 2)}\n`);
  else context.out.write(`Job ${job.job_id} is ${job.state}, after ${job.tokens} tokens.\n`);
};
