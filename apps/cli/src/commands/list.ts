// Owns `waggle list`: lists the models of the running worker or, if none runs, the downloads. It then also offers the models of other programs.
import { exitCodes } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { downloadState, listDownloads } from "../local/downloads.ts";
import { showOtherModels } from "../local/show-other-models.ts";
import { formatBytes } from "@waggle/daemon/terminal";
import { formatTable } from "../terminal/table.ts";
import { modelsOf } from "../worker/model-names.ts";
import { sizeWords, stateWords } from "../worker/model-words.ts";
import { findWorker, type Reached } from "../worker/reach.ts";

const size = { title: "SIZE", right: true } as const;
const workerColumns = [{ title: "NAME" }, size, { title: "QUANTIZATION" }, { title: "STATE" }, { title: "SOURCE" }];
const downloadColumns = [{ title: "NAME" }, size, { title: "STATE" }, { title: "REFERENCE" }];

export const run: Run = async (context, words) => {
  if (words.has("names")) return await printNames(context, words.text("url"));
  const found = await findWorker(context, words.text("url"));
  if (found === undefined) await printDownloads(context, words.has("json"));
  else await printModels(context, found, words.has("json"));
  return exitCodes.ok;
};

async function printModels({ out, signal }: Context, { client }: Reached, json: boolean): Promise<void> {
  const models = await modelsOf(client, signal);
  if (json) return out.write(`${JSON.stringify(models, undefined, 2)}\n`);
  const rows = models.map((model) => {
    const { name, aliases, quantization = "", source, default: first } = model;
    const called = [name, ...aliases].join(", ");
    const shown = first && models.length > 1 ? `${called} (default)` : called;
    return [shown, sizeWords(model), quantization, stateWords(model), source];
  });
  out.write(formatTable(workerColumns, rows));
}

async function printDownloads(context: Context, json: boolean): Promise<void> {
  const { config, out, err } = context;
  const downloads = await listDownloads(config);
  if (json) return out.write(`${JSON.stringify(downloads, undefined, 2)}\n`);
  const rows = downloads.map((one) => [
    one.name,
    formatBytes((one.totalBytes ?? one.bytes) + (one.projector?.bytes ?? 0)),
    downloadState(one),
    one.reference ?? "",
  ]);
  if (rows.length > 0) out.write(formatTable(downloadColumns, rows));
  const where = `No worker answers at ${config.url}; downloads are in ${config.modelsFolder}.`;
  err.write(
    `${err.style.dim(rows.length > 0 ? where : `${where} There are no downloads yet: "waggle pull" downloads a model.`)}\n`,
  );
  await showOtherModels(context);
}

/** Prints names for shell completions. Prints nothing on an error, because a completion cannot show it. */
async function printNames(context: Context, url: string | undefined): Promise<number> {
  try {
    for (const name of await namesOf(context, url)) context.out.write(`${name}\n`);
  } catch {
    if (context.signal.aborted) return exitCodes.interrupted;
  }
  return exitCodes.ok;
}

async function namesOf(context: Context, url: string | undefined): Promise<readonly string[]> {
  const found = await findWorker(context, url);
  if (found === undefined) return (await listDownloads(context.config)).map(({ name }) => name);
  return (await modelsOf(found.client, context.signal)).flatMap(({ name, aliases }) => [name, ...aliases]);
}
