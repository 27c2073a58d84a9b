// Owns `waggle load`.
import { wrongUse } from "../cli-error.ts";
import type { Run } from "../command.ts";
import { KeepAliveSchema, type KeepAlive } from "@waggle/protocol";
import { createProgressView } from "../terminal/progress.ts";
import { followEvents } from "../worker/follow-events.ts";
import { stateWords, stayWords } from "../worker/model-words.ts";
import { needWorker } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const keepAlive = keepAliveOf(words.text("keepAlive"));
  const { client } = await needWorker(context, words.text("url"));
  const request = { model: words.args[0] ?? "", ...(keepAlive === undefined ? {} : { keepAlive }) };
  const events = client.models.load(request, { signal: context.signal });
  const model = await followEvents(events, createProgressView(context.err));
  const stays = stayWords(model, Date.now());
  context.out.write(`${model.name} is ${stateWords(model)}${stays === "" ? "" : ` (${stays})`}.\n`);
};

function keepAliveOf(text: string | undefined): KeepAlive | undefined {
  if (text === undefined) return undefined;
  const parsed = KeepAliveSchema.safeParse(Number.isFinite(Number(text)) ? Number(text) : text);
  if (parsed.success) return parsed.data;
  throw wrongUse(`Cannot use --keep-alive ${text}: it must be a number of seconds, or a duration such as "5m".`);
}
