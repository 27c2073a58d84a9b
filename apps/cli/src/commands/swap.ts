// Owns `waggle swap`.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Run } from "../command.ts";
import { createProgressView } from "../terminal/progress.ts";
import { followEvents } from "../worker/follow-events.ts";
import { needWorker } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const [model = "", reference = ""] = words.args;
  const { client, url } = await needWorker(context, words.text("url"));
  const request = { model, reference: referenceAt(url, reference), unloadFirst: words.has("unloadFirst") };
  const swapped = await followEvents(
    client.models.swap(request, { signal: context.signal }),
    createProgressView(context.err),
  );
  const leaving = (swapped.leaving ?? 0) === 0 ? "" : " The old file still finishes its last jobs.";
  context.out.write(`${swapped.name} is now served from ${swapped.file ?? reference}.${leaving}\n`);
};

/** Makes a file's path absolute for a worker on this machine, which may run in another working folder. */
function referenceAt(url: string, reference: string): string {
  const isHere = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
  return isHere && existsSync(reference) ? resolve(reference) : reference;
}
