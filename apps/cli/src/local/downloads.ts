// Owns the models that lie on this machine, as commands see them where no worker runs: what Waggle has downloaded into its folder.
import { existsSync } from "node:fs";
import { createCatalogue, type DownloadedModel } from "@waggle/models";
import { CliError } from "../cli-error.ts";
import type { CliConfig } from "../config.ts";
import { formatBytes, formatPercent } from "@waggle/terminal";

export async function listDownloads({
  modelsFolder,
}: Pick<CliConfig, "modelsFolder">): Promise<readonly DownloadedModel[]> {
  return await createCatalogue({ folder: modelsFolder }).list();
}

async function findDownload(
  { modelsFolder }: Pick<CliConfig, "modelsFolder">,
  wanted: string,
): Promise<DownloadedModel | undefined> {
  return await createCatalogue({ folder: modelsFolder }).find(wanted);
}

/** @throws CliError naming what there is */
export async function pickDownload(config: Pick<CliConfig, "modelsFolder">, wanted: string): Promise<DownloadedModel> {
  const found = await findDownload(config, wanted);
  if (found !== undefined) return found;
  const names = (await listDownloads(config)).map(({ name }) => name).join(", ");
  throw new CliError(
    names === ""
      ? `There is no model ${wanted}: nothing has been downloaded to ${config.modelsFolder}. "waggle pull" does that.`
      : `There is no model ${wanted}. Downloaded are: ${names}.`,
  );
}

/** Where a model lies, by a download's name, else by that of a file here. @throws CliError naming what there is, or how to get the rest of it */
export async function pickPath(config: Pick<CliConfig, "modelsFolder">, wanted: string): Promise<string> {
  if (/^\.{0,2}\//.test(wanted)) return wanted;
  if (existsSync(wanted) && (await findDownload(config, wanted)) === undefined) return wanted;
  const model = await pickDownload(config, wanted);
  if (model.state === "whole") return model.path;
  const rest = model.reference === undefined ? "" : ` "waggle pull ${model.reference}" gets the rest.`;
  throw new CliError(`${model.name} is not whole (${downloadState(model)}).${rest}`);
}

export function downloadSize({ bytes, totalBytes }: DownloadedModel): string {
  return formatBytes(totalBytes ?? bytes);
}

export function downloadState({ state, bytes, totalBytes }: DownloadedModel): string {
  if (state === "whole") return "on disk";
  return totalBytes === undefined ? "begun" : `begun, ${formatPercent(bytes / totalBytes)}`;
}
