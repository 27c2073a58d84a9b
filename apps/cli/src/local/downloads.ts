// Finds the models on this machine for commands that run without a worker: the downloads in Waggle's folder, and the embedded model.
import { existsSync } from "node:fs";
import { createCatalogue, likelyReference, type DownloadedModel } from "@waggle/models/download";
import { CliError, exitCodes } from "../cli-error.ts";
import type { CliConfig } from "../config.ts";
import { formatPercent } from "@waggle/daemon/terminal";
import { embeddedModel, isEmbeddedModel } from "./embedded-model.ts";

type Folder = Pick<CliConfig, "modelsFolder">;

const catalogueOf = ({ modelsFolder }: Folder) => createCatalogue({ folder: modelsFolder });

export async function listDownloads(config: Folder): Promise<readonly DownloadedModel[]> {
  return await catalogueOf(config).list();
}

/** @throws CliError naming the downloads */
export async function pickDownload(config: Folder, wanted: string): Promise<DownloadedModel> {
  const found = await catalogueOf(config).find(wanted);
  if (found !== undefined) return found;
  requireNotEmbedded(wanted);
  const names = (await listDownloads(config)).map(({ name }) => name).join(", ");
  const likely = likelyReference(wanted);
  const remedy =
    likely === undefined ? '"waggle pull" downloads a model.' : `To download it, try "waggle pull ${likely}".`;
  throw new CliError(
    names === ""
      ? `Unknown model ${wanted}: nothing has been downloaded to ${config.modelsFolder}. ${remedy}`
      : `Unknown model ${wanted}. Downloaded models: ${names}. ${remedy}`,
    exitCodes.fileUnusable,
  );
}

/** @throws CliError for the embedded model, which is part of this program */
export function requireNotEmbedded(wanted: string): void {
  if (!isEmbeddedModel(wanted)) return;
  throw new CliError(`${wanted} comes with Waggle: it is neither downloaded nor deleted.`);
}

/** Whether the text names a download, complete or not, or a file. */
export async function isOnDisk(config: Folder, wanted: string): Promise<boolean> {
  return existsSync(wanted) || (await catalogueOf(config).find(wanted)) !== undefined;
}

/** The path of the download with this name, or else of a file or the embedded model. @throws CliError naming the downloads, or how to complete a download */
export async function pickPath(config: Folder, wanted: string): Promise<string> {
  if (/^\.{0,2}\//.test(wanted)) return wanted;
  if (existsSync(wanted) && (await catalogueOf(config).find(wanted)) === undefined) return wanted;
  if (isEmbeddedModel(wanted)) return (await embeddedModel()).path;
  const model = await pickDownload(config, wanted);
  if (model.state === "whole") return model.path;
  const rest = model.reference === undefined ? "" : ` Continue with "waggle pull ${model.reference}".`;
  throw new CliError(`${model.name} is incomplete (${downloadState(model)}).${rest}`, exitCodes.fileUnusable);
}

export function downloadState({ state, bytes, totalBytes }: DownloadedModel): string {
  if (state === "whole") return "on disk";
  return totalBytes === undefined ? "begun" : `begun, ${formatPercent(bytes / totalBytes)}`;
}
