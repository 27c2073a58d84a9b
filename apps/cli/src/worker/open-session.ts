// Chooses the worker and the model for `waggle run` and `waggle chat`: the running worker, or a private one that ends with the command.
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { WorkerClient } from "@waggle/client";
import { createWaggle, type Waggle } from "@waggle/client/ask";
import { readLastUsed } from "@waggle/worker/last-used";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context } from "../command.ts";
import type { Progress } from "../terminal/progress.ts";
import { isOnDisk, pickPath } from "../local/downloads.ts";
import { isEmbeddedModel } from "../local/embedded-model.ts";
import { offerDownload } from "../local/offer-download.ts";
import { followEvents } from "./follow-events.ts";
import { findModel, modelsOf, noModelYet } from "./model-names.ts";
import { startOwnWorker, type OwnWorker } from "./own-worker.ts";
import { findWorker, isAddressGiven } from "./reach.ts";

export interface Session {
  readonly client: WorkerClient;
  /** Asks for answers, which survive lost connections. */
  readonly waggle: Waggle;
  readonly url: string;
  /** The model's name, sent with each request; undefined for the worker's default model. */
  readonly model: string | undefined;
  /** The worker's name for the model. */
  readonly modelName: string;
  readonly ownWorker: boolean;
  close(): Promise<void>;
}

export interface SessionWish {
  /** The value of `--url`. */
  readonly url: string | undefined;
  /** A name, a path or a reference. */
  readonly model: string | undefined;
  readonly onProgress: (progress: Progress) => void;
  /** Flags of a private worker. */
  readonly flags?: readonly string[];
}

/** A command sends one prompt at a time, so more slots would only use memory. */
const oneSlot = ["--slots", "1"];

/** @throws CliError when the worker or the model does not exist, or the model cannot be loaded */
export async function openSession(context: Context, wish: SessionWish): Promise<Session> {
  const { url, model } = wish;
  const found = await findWorker(context, url);
  if (found === undefined)
    return await openOwnSession(context, { ...wish, model: await hereOrOffered(context, model) });
  const waggle = createWaggle({ url: found.url, token: context.config.token });
  const open = { client: found.client, waggle, url: found.url, ownWorker: false, close: async () => {} };
  if (model === undefined && found.info.model !== "") return { ...open, model, modelName: found.info.model };
  const models = await modelsOf(found.client, context.signal);
  if (models.length === 0) throw new CliError(noModelYet(found.url), exitCodes.fileUnusable);
  if (model === undefined) return { ...open, model, modelName: "" };
  const known = findModel(models, model);
  if (known !== undefined) return { ...open, model: known.name, modelName: known.name };
  if (!isAddressGiven(context, url)) {
    const isHere = isForOwnWorker(model) || (await isOnDisk(context.config, model));
    const chosen = isHere ? model : await offerDownload(context, model);
    if (chosen !== undefined) return await openOwnSession(context, { ...wish, model: chosen });
  }
  const names = models.map(({ name }) => name).join(", ");
  throw new CliError(
    `The worker at ${found.url} has no model ${model}. It has: ${names}. "waggle pull" downloads another.`,
    exitCodes.fileUnusable,
  );
}

/** The model itself if it is on this machine, or else the download that the user accepts instead. */
async function hereOrOffered(context: Context, model: string | undefined): Promise<string | undefined> {
  if (model === undefined || isForOwnWorker(model) || (await isOnDisk(context.config, model))) return model;
  return (await offerDownload(context, model)) ?? model;
}

/** Whether the text is a file or a reference, which a private worker can load. */
export function isFileOrReference(text: string): boolean {
  return /^(hf|ollama|https?):/i.test(text) || /\.gguf$/i.test(text) || (text.includes("/") && existsSync(text));
}

/** Whether a private worker can load what the text names. The name of a download has to be changed to its path first. */
function isForOwnWorker(text: string): boolean {
  return isFileOrReference(text) || isEmbeddedModel(text);
}

/**
 * Starts a private worker with this model, or with the worker's default model.
 * @throws CliError when the worker cannot be started, or the model cannot be loaded
 */
export async function openOwnSession(context: Context, wish: SessionWish): Promise<Session> {
  const { model, onProgress, flags = oneSlot } = wish;
  const { config, signal } = context;
  onProgress({ stage: "loading" });
  const models = model === undefined ? [] : [isForOwnWorker(model) ? model : await pickPath(config, model)];
  const worker = await startOwnWorker(config, models, signal, flags);
  try {
    const loaded = await loadUnasked(context, worker, onProgress);
    const modelName = loaded ?? (await whenReady(worker, signal, onProgress));
    const { client, url, close } = worker;
    return { client, waggle: createWaggle({ url }), url, model: loaded, modelName, ownWorker: true, close };
  } catch (error) {
    await worker.close();
    throw error;
  }
}

/**
 * Loads a model at a worker that loads none by itself, as with the folder of WAGGLE_MODELS_DIR: the default, the last used, or the first one.
 * @returns its name; undefined if the worker loads one by itself, or has failed
 */
async function loadUnasked(
  { config, signal }: Context,
  { client }: OwnWorker,
  onProgress: SessionWish["onProgress"],
): Promise<string | undefined> {
  const info = await client.info({ signal }).catch(() => undefined);
  if (info?.state !== "ready") return undefined;
  const models = await modelsOf(client, signal);
  if (models.some(({ state }) => state !== "unloaded")) return undefined;
  const last = basename(readLastUsed(config.stateFolder) ?? "");
  const chosen = models.find((model) => model.default) ?? models.find(({ file }) => file === last) ?? models[0];
  if (chosen === undefined) throw new CliError(noModelYet(config.modelsFolder), exitCodes.fileUnusable);
  const events = client.models.load({ model: chosen.name }, { signal });
  return (await followEvents(events, { show: onProgress, clear: () => {} })).name;
}

async function whenReady(
  worker: OwnWorker,
  signal: AbortSignal,
  onProgress: SessionWish["onProgress"],
): Promise<string> {
  try {
    for await (const event of worker.client.loading({ signal })) {
      if (event.type === "ready") return event.model;
      if (event.type === "failed") throw new CliError(`${event.message.replace(/\.$/, "")}.`);
      onProgress(event);
    }
  } catch (error) {
    if (signal.aborted || error instanceof CliError) throw error;
    // The connection breaks before the whole log has been read.
    await worker.close();
    const reason = worker.lastError() ?? "The worker exited while the model was loading, without a reason";
    throw new CliError(`${reason.replace(/\.$/, "")}.`, undefined, { cause: error });
  }
  throw new CliError("The worker closed the progress stream before the model was ready.");
}
