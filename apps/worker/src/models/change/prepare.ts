// Prepares a model for loading: finds or downloads its file, and computes its memory needs.
import { statSync } from "node:fs";
import { GgufError, modelCardOf, readGgufFile } from "@waggle/models/header";
import type { GgufHeader } from "@waggle/models/header";
import { findProjector, isDownload, readProjector, resolveModel } from "@waggle/models/download";
import type { FoundProjector, ResolveModelOptions } from "@waggle/models/download";
import type { Transfer } from "@waggle/daemon/terminal";
import { WaggleError } from "@waggle/protocol";
import type { ModelSettings } from "../../config/model-settings.ts";
import { isInside, isLocalFile } from "../list/given-file.ts";
import type { ModelHost } from "../run/model-host-port.ts";
import { engineSettingsOf } from "../memory/engine-settings.ts";
import { memoryPlanOf } from "../memory/memory-plan.ts";
import type { LoadPlan } from "../memory/pool.ts";

/** Progress is reported in steps of a hundredth: an event for every byte would flood the clients. */
const progressSteps = 100;
/** Longest time without a report: a hundredth of a large model may take longer. */
const longestSilenceMs = 1_000;

export interface PrepareOptions {
  readonly resolve: Omit<ResolveModelOptions, "onProgress" | "signal">;
  readonly signal: AbortSignal;
  /** Budget of all models together; undefined: no limit. */
  readonly budgetBytes: number | undefined;
  /** Called when no projector next to the model can be used. */
  readonly onUnusedProjector: (host: ModelHost, problem: string) => void;
}

/** @throws WaggleError unavailable with the model and the reason; the signal's reason when it aborts */
export async function prepareModel(host: ModelHost, options: PrepareOptions): Promise<LoadPlan> {
  const { file } = host;
  const { reference } = file;
  const report = createReport(host.downloading);
  const path = await resolveModel(reference, {
    ...options.resolve,
    projector: file.settings.mmproj === "auto",
    signal: options.signal,
    onProgress: ({ doneBytes, totalBytes, bytesPerSecond, etaMs }) =>
      report(totalBytes ? doneBytes / totalBytes : 0, { doneBytes, totalBytes, bytesPerSecond, etaMs }),
  });
  const header = await headerOf(path);
  const found = header === undefined ? noProjector : await projectorFor(path, header, file.settings);
  if (found.problem !== undefined && found.problem !== file.facts?.pictures.problem) {
    options.onUnusedProjector(host, found.problem);
  }
  const settings = engineSettingsOf(file.settings, found.projector);
  const plan = header === undefined ? undefined : memoryPlanOf(header, settings, options.budgetBytes);
  // Only a file of this folder can be deleted as a download.
  const downloaded = isInside(path, options.resolve.folder) && (await isDownload(path));
  // A swap may have changed the file meanwhile.
  if (file.reference === reference)
    file.facts = {
      path,
      bytes: header?.fileBytes ?? statSync(path).size,
      isDownload: downloaded,
      modifiedAt: statSync(path).mtime.toISOString(),
      card: header === undefined ? undefined : modelCardOf(header),
      plan,
      pictures: found,
    };
  return { memory: plan?.memory };
}

export interface DescribeOptions extends PrepareOptions {
  /** Called when a file of the settings cannot be used, so that the operator learns of it before the first request fails. */
  readonly onMissing: (reason: string) => void;
}

/** Prepares a model without a download; undefined when its file is not on disk or cannot be used. */
export async function describeModel(host: ModelHost, options: DescribeOptions): Promise<LoadPlan | undefined> {
  try {
    return await prepareModel(host, { ...options, resolve: { ...options.resolve, offline: true } });
  } catch (error) {
    // References to download are not reported: their files come with the first request.
    if (isLocalFile(host.file.reference)) options.onMissing((error as Error).message);
    return undefined;
  }
}

const noProjector: FoundProjector = { projector: undefined, problem: undefined };

/** @throws WaggleError unavailable when the projector of the settings cannot be used */
async function projectorFor(path: string, header: GgufHeader, { mmproj }: ModelSettings): Promise<FoundProjector> {
  if (mmproj === "none" || modelCardOf(header).kind !== "generate") return noProjector;
  if (mmproj === "auto") return await findProjector(path, header);
  try {
    return { projector: await readProjector(mmproj, header), problem: undefined };
  } catch (error) {
    if (!(error instanceof GgufError)) throw error;
    const message = `Cannot use --mmproj ${mmproj} with model ${path}: ${error.message}.`;
    throw new WaggleError("unavailable", message, { cause: error });
  }
}

/** Undefined for an invalid header: the engine's error is more precise. */
async function headerOf(path: string): Promise<GgufHeader | undefined> {
  try {
    return await readGgufFile(path);
  } catch (error) {
    if (error instanceof GgufError) return undefined;
    throw error;
  }
}

function createReport(send: ModelHost["downloading"]): (progress: number, transfer: Transfer) => void {
  let step = -1;
  let sentAt = 0;
  return (progress, transfer) => {
    const now = Math.floor(progress * progressSteps);
    if (now === step && performance.now() - sentAt < longestSilenceMs) return;
    step = now;
    sentAt = performance.now();
    send(now / progressSteps, transfer);
  };
}
