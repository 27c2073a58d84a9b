// Owns `waggle pull`: a running worker downloads the model and serves it at once. Without a worker, the command downloads the model for the
// next worker. Without a reference, the command shows recommended models.
import { dirname } from "node:path";
import { parsePullable, pullModel, shownReference, type PullProgress } from "@waggle/models/download";
import { CliError, wrongUse } from "../cli-error.ts";
import type { Context, Run } from "../command.ts";
import { findDownload, requireNotEmbedded } from "../local/downloads.ts";
import { adviseHere, formatAdvice } from "../local/recommended.ts";
import { showOtherModels } from "../local/show-other-models.ts";
import { offerDownload } from "../local/offer-download.ts";
import { hubOptions } from "../local/worker-settings.ts";
import { createStatusLine, formatBytes } from "@waggle/daemon/terminal";
import { createProgressView, type Progress, type ProgressView } from "../terminal/progress.ts";
import { followEvents } from "../worker/follow-events.ts";
import { sizeWords } from "../worker/model-words.ts";
import { isFileOrReference } from "../worker/open-session.ts";
import { findWorker, isAddressGiven, type Reached } from "../worker/reach.ts";

/** The cache of the service in packaging/systemd. */
const serviceFolder = "/var/cache/waggle";

export const run: Run = async (context, words) => {
  const [wanted] = words.args;
  if (wanted === undefined) return await showModels(context);
  const name = words.text("name");
  const projector = words.has("mmproj");
  const hubUrl = words.text("hubUrl");
  requireNotEmbedded(wanted);
  // Finds only names: the record of a URL lacks the query, which may be needed to continue.
  const isName = !isFileOrReference(wanted) && !isAddressGiven(context, words.text("url"));
  const known = isName ? await findDownload(context.config, wanted) : undefined;
  const reference = known?.reference ?? (await offerDownload(context, wanted, { isPull: true, hubUrl })) ?? wanted;
  parsePullable(reference);
  const found = await findWorker(context, words.text("url"));
  if (found !== undefined && hubUrl !== undefined) {
    throw wrongUse(
      `Cannot use --hub-url: the worker at ${found.url} downloads from its own hub. Start it with --hub-url.`,
    );
  }
  const view = createProgressView(context.err);
  const wasRunning = found !== undefined && (await isRunning(context, found, reference));
  try {
    await (found === undefined
      ? pullHere(context, { reference, name, projector, hubUrl }, view)
      : pullThere(context, found, { reference, name, projector, wasRunning }, view));
  } catch (error) {
    const end = wasRunning
      ? "The download continues for the client that started it.\n"
      : "The partial download is kept; run the same command to continue.\n";
    if (context.signal.aborted) context.err.write(end);
    throw error;
  } finally {
    view.clear();
  }
};

/** Shows what can be pulled, and what needs no download because another program has it. */
async function showModels(context: Context): Promise<undefined> {
  const line = createStatusLine(context.err);
  try {
    line.show("measuring the memory bandwidth");
    const advice = await adviseHere(context);
    line.clear();
    context.out.write(formatAdvice(advice, context.out.style));
  } finally {
    line.clear();
  }
  await showOtherModels(context);
}

interface Wanted {
  readonly reference: string;
  readonly name: string | undefined;
  /** Whether the model's projector is downloaded too. */
  readonly projector: boolean;
}

/** Whether the worker downloads the model already, for another client. */
async function isRunning({ signal }: Context, { client }: Reached, reference: string): Promise<boolean> {
  try {
    const { downloads } = await client.models.downloads({ signal });
    return downloads.some((one) => one.state === "running" && one.reference === shownReference(reference));
  } catch {
    // The answer to the pull says what is wrong.
    signal.throwIfAborted();
    return false;
  }
}

async function pullThere(
  { err, out, signal }: Context,
  { client, url }: Reached,
  { reference, name, projector, wasRunning }: Wanted & { readonly wasRunning: boolean },
  view: ProgressView,
): Promise<void> {
  const request = { reference, ...(name === undefined ? {} : { name }), ...(projector ? {} : { projector }) };
  const model = await followEvents(client.models.pull(request, { signal }), view).catch(async (error: unknown) => {
    // The download belongs to the worker, and would continue without this client.
    if (signal.aborted && !wasRunning) {
      const failed = (): unknown => err.write("The worker did not confirm the stop: the download may continue.\n");
      await client.models.stopDownload(reference).catch(failed);
    }
    throw error;
  });
  out.write(`${model.name} (${sizeWords(model) || "its size is unknown"}) is served at ${url}.\n`);
}

async function pullHere(
  { config, out, signal }: Context,
  { reference, name, projector, hubUrl }: Wanted & { readonly hubUrl: string | undefined },
  view: ProgressView,
): Promise<void> {
  if (name !== undefined) {
    throw wrongUse("Cannot use --name without a running worker: the name comes from the reference.");
  }
  const { offline, mmproj, ...hub } = await hubOptions(config.env, hubUrl);
  if (offline) throw new CliError("Cannot download: the variable WAGGLE_OFFLINE is set.");
  const model = await pullModel(reference, {
    ...{ folder: config.modelsFolder, signal, ...hub },
    projector: projector && mmproj !== "none",
    onProgress: (progress) => view.show(progressOf(progress)),
  });
  view.clear();
  const how = model.downloaded ? "is here" : "was here already";
  const size = formatBytes(model.bytes);
  const shown = model.projector === undefined ? size : `${size}, projector ${formatBytes(model.projector.bytes)}`;
  out.write(`${model.name} (${shown}) ${how}. Talk to it: waggle chat ${model.name}\n`);
  out.write(placeWords(config, process.getuid?.()));
}

/** Where root's download is. The service of packaging/systemd has a user that cannot read root's folders. @param user id of the user */
export function placeWords({ modelsFolder, env }: Context["config"], user: number | undefined): string {
  if (user !== 0 || modelsFolder.startsWith(`${serviceFolder}/`)) return "";
  const command = `XDG_CACHE_HOME=${dirname(serviceFolder)} waggle pull`;
  const isSet = (env["WAGGLE_MODELS_DIR"] ?? "") !== "";
  const hint = isSet ? "" : ` For the service, download with "${command} …".`;
  return `It is in ${modelsFolder}. A service of systemd reads ${serviceFolder}/models.${hint}\n`;
}

function progressOf({ doneBytes, totalBytes, checkedBytes, bytesPerSecond, etaMs, ...rest }: PullProgress): Progress {
  if (rest.stage === "checking") {
    return { ...rest, done_bytes: checkedBytes, total_bytes: rest.parts === 1 ? totalBytes : undefined };
  }
  return {
    ...rest,
    ...(rest.stage === "asking" ? {} : { done_bytes: doneBytes, total_bytes: totalBytes }),
    bytes_per_second: bytesPerSecond,
    eta_ms: etaMs,
  };
}
