// Owns `waggle pull`: a worker that runs downloads the model, and serves it at once.
import { exitCodes } from "../cli-error.ts";
import type { Run } from "../command.ts";
import { createProgressView } from "../terminal/progress.ts";
import { followEvents } from "../worker/follow-events.ts";
import { sizeWords } from "../worker/model-words.ts";
import { needWorker } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const [reference = ""] = words.args;
  const { client, url } = await needWorker(context, words.text("url"));
  const name = words.text("name");
  const events = client.models.pull({ reference, ...(name === undefined ? {} : { name }) }, { signal: context.signal });
  try {
    const model = await followEvents(events, createProgressView(context.err));
    context.out.write(`${model.name} (${sizeWords(model) || "its size is unknown"}) is served at ${url}.\n`);
  } catch (error) {
    if (context.signal.aborted) context.err.write("What has come is kept: the same command goes on from there.\n");
    throw error;
  }
  return exitCodes.ok;
};
