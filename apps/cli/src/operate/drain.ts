// Owns `waggle drain`: tells a hive to drain one of its workers.
import type { Run } from "../command.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { findWorker } from "../worker/reach.ts";
import { hiveAt, isUnknownRoute } from "./need-server.ts";

export const run: Run = async (context, words) => {
  const [id = ""] = words.args;
  const url = words.text("url");
  if (await isWorker(() => findWorker(context, url))) {
    throw new CliError(
      "Only a hive drains by command. Name the hive with --url, or send SIGTERM to the process.",
      exitCodes.wrongUse,
    );
  }
  const worker = await hiveAt(context, url).drain(id, { signal: context.signal });
  if (words.has("json")) context.out.write(`${JSON.stringify(worker, undefined, 2)}\n`);
  else context.out.write(`${id} drains: it finishes its running jobs and exits.\n`);
};

async function isWorker(find: () => Promise<object | undefined>): Promise<boolean> {
  try {
    return (await find()) !== undefined;
  } catch (error) {
    if (isUnknownRoute(error)) return false;
    throw error;
  }
}
