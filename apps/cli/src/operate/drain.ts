// Owns `waggle drain`: drains a worker or a gateway, itself or through its hive.
import { createWorkerClient } from "@waggle/client";
import { WaggleError, type HiveWorker } from "@waggle/protocol";
import type { Context, Run } from "../command.ts";
import { wrongUse } from "../cli-error.ts";
import { needWorker } from "../worker/reach.ts";
import { askServers, hiveAt, workersOfHive } from "./need-server.ts";

export const run: Run = async (context, words) => {
  const [id] = words.args;
  const { signal } = context;
  const url = words.text("url");
  let workers: readonly HiveWorker[] = [];
  const own = await needWorker(context, url).catch(async (error: unknown) => {
    workers = await workersOfHive(context, url, error);
    return undefined;
  });
  if (own === undefined && id === undefined)
    throw wrongUse("This is a hive: name the worker, as in waggle drain worker-a.");
  if (own !== undefined && id !== undefined && id !== own.info.worker_id)
    throw wrongUse(`${own.url} is not ${id}, but ${own.info.worker_id}.`);
  const answer =
    own === undefined ? await drainAtHive(context, url, workers, id ?? "") : await own.client.drain({ signal });
  if (words.has("json")) context.out.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  else context.out.write(`${id ?? own?.info.worker_id} drains: it finishes its running jobs and exits.\n`);
};

/** A worker that takes no commands from this hive is asked at its own address, with the same token. */
async function drainAtHive(
  context: Context,
  url: string | undefined,
  workers: readonly HiveWorker[],
  id: string,
): Promise<object | undefined> {
  const { signal, config } = context;
  try {
    return await hiveAt(context, url).drain(id, { signal });
  } catch (error) {
    const found = workers.find(({ worker_id, liveness }) => worker_id === id && liveness !== "gone");
    if (found === undefined || !(error instanceof WaggleError && error.code === "conflict")) throw error;
    const server = { worker: id, client: createWorkerClient({ baseUrl: found.url, token: config.token }) };
    const [drained] = await askServers(context, [server], async ({ client }) => await client.drain({ signal }));
    return drained?.answer;
  }
}
