// Owns `waggle drain`: tells a worker or a gateway to drain, itself or through its hive.
import type { Run } from "../command.ts";
import { wrongUse } from "../cli-error.ts";
import { needWorker } from "../worker/reach.ts";
import { hiveAt, workersOfHive } from "./need-server.ts";

export const run: Run = async (context, words) => {
  const [id] = words.args;
  const { signal } = context;
  const url = words.text("url");
  const own = await needWorker(context, url).catch(async (error: unknown) => {
    await workersOfHive(context, url, error);
    return undefined;
  });
  if (own === undefined && id === undefined)
    throw wrongUse("This is a hive: name the worker, as in waggle drain worker-a.");
  if (own !== undefined && id !== undefined && id !== own.info.worker_id)
    throw wrongUse(`${own.url} is not ${id}, but ${own.info.worker_id}.`);
  const answer =
    own === undefined ? await hiveAt(context, url).drain(id ?? "", { signal }) : await own.client.drain({ signal });
  if (words.has("json")) context.out.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  else context.out.write(`${id ?? own?.info.worker_id} drains: it finishes its running jobs and exits.\n`);
};
