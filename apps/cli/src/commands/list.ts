// Owns `waggle list`: lists the models of the running worker or, if none runs, the downloads, and in both cases the embedded model. Without a
// worker it also offers the models of other programs.
import type { DownloadedModel } from "@waggle/models/download";
import { exitCodes } from "../cli-error.ts";
import type { Context, Run, Words } from "../command.ts";
import { downloadState, listDownloads } from "../local/downloads.ts";
import { embeddedModel } from "../local/embedded-model.ts";
import { showOtherModels } from "../local/show-other-models.ts";
import { formatBytes } from "@waggle/daemon/terminal";
import { formatTable, numbers, texts } from "../terminal/table.ts";
import { modelsOf, noModelYet, unservedOf } from "../worker/model-names.ts";
import { reasonLines, shortState, sizeWords } from "../worker/model-words.ts";
import { findWorker, isAddressGiven, type Reached } from "../worker/reach.ts";

const nameAndSize = [...texts("NAME"), ...numbers("SIZE")];
const workerColumns = [...nameAndSize, ...texts("QUANTIZATION", "STATE", "SOURCE")];
const downloadColumns = [...nameAndSize, ...texts("STATE", "REFERENCE")];

export const run: Run = async (context, words) => {
  const found = await findWorker(context, words.text("url"));
  if (found === undefined) await printDownloads(context, words.has("json"));
  else await printModels(context, found, words);
  return exitCodes.ok;
};

async function printModels(context: Context, { client, url }: Reached, words: Words): Promise<void> {
  const { out, err, signal } = context;
  const models = await modelsOf(client, signal);
  const isServed = models.some(({ source }) => source === "embedded");
  const isNamed = isAddressGiven(context, words.text("url"));
  const unserved = isServed || isNamed ? [] : [await embeddedModel()];
  const downloads = isNamed ? [] : unservedOf(await listDownloads(context.config), models);
  if (words.has("json")) return out.write(`${JSON.stringify([...models, ...downloads, ...unserved], undefined, 2)}\n`);
  const rows = models.map((model) => {
    const { name, aliases, quantization = "", source, default: first } = model;
    const called = [name, ...aliases].join(", ");
    const shown = first && models.length > 1 ? `${called} (default)` : called;
    return [shown, sizeWords(model), quantization, shortState(model), source];
  });
  const others = unserved.map(({ name, bytes, source }) => [name, formatBytes(bytes), "", "not served", source]);
  const rest = downloads.map((one) => {
    const state = one.state === "whole" ? "not served" : downloadState(one);
    return [one.name, formatBytes(one.totalBytes ?? one.bytes), "", state, "download"];
  });
  out.write(formatTable(workerColumns, [...rows, ...rest, ...others]) + reasonLines(models) + continueLines(downloads));
  if (rows.length === 0) err.write(`${err.style.dim(noModelYet(url))}\n`);
}

/** How to continue downloads that are not complete. */
function continueLines(downloads: readonly DownloadedModel[]): string {
  const begun = downloads.filter(({ state, reference }) => state === "partial" && reference !== undefined);
  return begun.map(({ name }) => `To continue ${name}: waggle pull ${name}\n`).join("");
}

async function printDownloads(context: Context, json: boolean): Promise<void> {
  const { config, out, err } = context;
  const downloads = await listDownloads(config);
  const embedded = await embeddedModel();
  if (json) return out.write(`${JSON.stringify([...downloads, embedded], undefined, 2)}\n`);
  const rows = downloads.map((one) => [
    one.name,
    formatBytes((one.totalBytes ?? one.bytes) + (one.projector?.bytes ?? 0)),
    downloadState(one),
    one.reference ?? "",
  ]);
  const last = [embedded.name, formatBytes(embedded.bytes), "on disk", "comes with Waggle"];
  out.write(formatTable(downloadColumns, [...rows, last]) + continueLines(downloads));
  const where = `No worker answers at ${config.url}; downloads are in ${config.modelsFolder}.`;
  err.write(
    `${err.style.dim(rows.length > 0 ? where : `${where} There are no downloads yet: "waggle pull" downloads a model.`)}\n`,
  );
  await showOtherModels(context);
}
