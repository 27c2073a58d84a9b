// Looks up models of a worker.
import type { WorkerClient } from "@waggle/client";
import { basename } from "node:path";
import type { DownloadedModel } from "@waggle/models/download";
import type { ModelStatus } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";

export async function modelsOf(client: WorkerClient, signal: AbortSignal): Promise<readonly ModelStatus[]> {
  return (await client.models.list({ signal })).models;
}

/** Finds a model by its name, an alias, or the name of its file with or without the ending; spaces count as hyphens. */
export function findModel(models: readonly ModelStatus[], wanted: string): ModelStatus | undefined {
  const plain = (name: string): string =>
    name
      .toLowerCase()
      .replaceAll(" ", "-")
      .replace(/\.gguf$/, "");
  return (
    models.find(({ name, aliases }) => name === wanted || aliases.includes(wanted)) ??
    models.find(({ name, file = "" }) => [name, file].map(plain).includes(plain(wanted)))
  );
}

/** The downloads that the worker does not serve. */
export function unservedOf(
  downloads: readonly DownloadedModel[],
  models: readonly ModelStatus[],
): readonly DownloadedModel[] {
  return downloads.filter(
    ({ name, path }) => !models.some((model) => model.name === name || model.file === basename(path)),
  );
}

export function noModelYet(url: string): string {
  return `${url} has no model yet. "waggle pull" lists models that fit this machine, and downloads one.`;
}

/** @throws CliError that names the available models */
export function pickModel(models: readonly ModelStatus[], wanted: string): ModelStatus {
  const found = findModel(models, wanted);
  if (found !== undefined) return found;
  const names = models.map(({ name }) => name).join(", ");
  const available = names === "" ? "No models are available." : `Available: ${names}.`;
  throw new CliError(`Unknown model ${wanted}. ${available}`, exitCodes.fileUnusable);
}
