// Owns `waggle unload`.
import type { Run } from "../command.ts";
import { createStatusLine } from "@waggle/daemon/terminal";
import { stateWords } from "../worker/model-words.ts";
import { needWorker } from "../worker/reach.ts";

export const run: Run = async (context, words) => {
  const [name = ""] = words.args;
  const { client } = await needWorker(context, words.text("url"));
  const status = createStatusLine(context.err);
  status.show("waiting for its last job");
  try {
    const model = await client.models.unload(name, { signal: context.signal });
    status.clear();
    context.out.write(`${model.name} is ${stateWords(model)}.\n`);
  } finally {
    status.clear();
  }
};
