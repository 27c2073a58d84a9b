// Finds the models on this machine for commands that run without a worker: the downloads in Waggle's folder, and the embedded model.
import { existsSync } from "node:fs";
import { createCatalogue, likelyReference, type DownloadedModel } from "@waggle/models/download";
import { recommendedByName, type RecommendedModel } from "@waggle/models/recommended";
import { CliError, exitCodes } from "../cli-error.ts";
import type { CliConfig } from "../config.ts";
import { formatPercent } from "@waggle/daemon/terminal";
import { embeddedModel, isEmbeddedModel } from "./embedded-model.ts";

type Folder = Pick<CliConfig, "modelsFolder">;

const catalogueOf = ({ modelsFolder }: Folder) => createCatalogue({ folder: modelsFolder });

export async function listDownloads(config: Folder): Promise<readonly DownloadedModel[]> {
  return await catalogueOf(config).list();
}

/** @param wanted the name in `waggle list`, the reference, or the name of the file */
export async function findDownload(config: Folder, wanted: string): Promise<DownloadedModel | undefined> {
  return await catalogueOf(config).find(wanted);
}

/** @throws CliError naming the downloads */
export async function pickDownload(config: Folder, wanted: string): Promise<DownloadedModel> {
  const found = await catalogueOf(config).find(wanted);
  if (found !== undefined) return found;
  requireNotEmbedded(wanted);
  const names = (await listDownloads(config)).map(({ name }) => name).join(", ");
  const likely = likelyReference(wanted) ?? soleRecommended(wanted)?.reference;
  const remedy =
    likely === undefined
      ? '"waggle pull" lists models for this machine.'
      : `To download it, try "waggle pull ${likely}".`;
  throw new CliError(
    names === ""
      ? `Unknown model ${wanted}: nothing has been downloaded to ${config.modelsFolder}. ${remedy}`
      : `Unknown model ${wanted}. Downloaded models: ${names}. ${remedy}`,
    exitCodes.fileUnusable,
  );
}

/** The recommended model of this name; undefined if there are several. */
function soleRecommended(name: string): RecommendedModel | undefined {
  const [model, ...others] = recommendedByName(name);
  return others.length === 0 ? model : undefined;
}

/** @throws CliError for the embedded model, which is part of this program */
export function requireNotEmbedded(wanted: string): void {
  if (!isEmbeddedModel(wanted)) return;
  throw new CliError(`${wanted} comes with Waggle: it is neither downloaded nor deleted.`);
}

/** Whether the text names a download, complete or not, a file, or the embedded model. */
export async function isOnDisk(config: Folder, wanted: string): Promise<boolean> {
  return existsSync(wanted) || isEmbeddedModel(wanted) || (await catalogueOf(config).find(wanted)) !== undefined;
}

/** The path of a complete download if the text is the name of its file, as `my-model.gguf`; otherwise the text, which is a path or a reference. */
export async function pathOrReference(config: Folder, text: string): Promise<string> {
  if (existsSync(text) || /[/:]/.test(text)) return text;
  const download = await catalogueOf(config).find(text);
  return download?.state === "whole" ? download.path : text;
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
