// Owns `waggle list`: every model that a worker has.
import { exitCodes } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { formatTable } from "../terminal/table.ts";
import { modelsOf } from "../worker/model-names.ts";
import { sizeWords, stateWords } from "../worker/model-words.ts";
import { findWorker, needWorker } from "../worker/reach.ts";

const columns = [
  { title: "NAME" },
  { title: "SIZE", right: true },
  { title: "QUANTIZATION" },
  { title: "STATE" },
  { title: "SOURCE" },
];

export const run: Run = async (context, words) => {
  const url = words.text("url");
  if (words.has("names")) return await printNames(context, url);
  const { client } = await needWorker(context, url);
  const models = await modelsOf(client, context.signal);
  if (words.has("json")) context.out.write(`${JSON.stringify(models, undefined, 2)}\n`);
  else {
    const rows = models.map((model) => {
      const { name, aliases, quantization = "", source, default: first } = model;
      const called = [name, ...aliases].join(", ");
      return [
        first && models.length > 1 ? `${called} (default)` : called,
        sizeWords(model),
        quantization,
        stateWords(model),
        source,
      ];
    });
    context.out.write(formatTable(columns, rows));
  }
  return exitCodes.ok;
};

/** For completions: a shell has no use for an error. */
async function printNames(context: Context, url: string | undefined): Promise<number> {
  try {
    const found = await findWorker(context, url);
    const models = found === undefined ? [] : await modelsOf(found.client, context.signal);
    for (const { name, aliases } of models) context.out.write([name, ...aliases].map((word) => `${word}\n`).join(""));
  } catch {
    if (context.signal.aborted) return exitCodes.interrupted;
  }
  return exitCodes.ok;
}
