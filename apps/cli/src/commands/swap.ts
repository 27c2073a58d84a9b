// Owns `waggle swap`.
import { exitCodes } from "../cli-error.ts";
import type { Run } from "../command.ts";
import { createProgressView } from "../terminal/progress.ts";
import { followEvents } from "../worker/follow-events.ts";
import { needWorker } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const [model = "", reference = ""] = words.args;
  const { client } = await needWorker(context, words.text("url"));
  const request = { model, reference, unloadFirst: words.has("unloadFirst") };
  const swapped = await followEvents(
    client.models.swap(request, { signal: context.signal }),
    createProgressView(context.err),
  );
  const leaving = (swapped.leaving ?? 0) === 0 ? "" : " The old file still finishes its last jobs.";
  context.out.write(`${swapped.name} is answered by ${swapped.file ?? reference}.${leaving}\n`);
  return exitCodes.ok;
};
