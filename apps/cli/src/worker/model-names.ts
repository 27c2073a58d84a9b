// Owns the list of a worker's models, as commands look one up.
import type { WorkerClient } from "@waggle/client";
import type { ModelStatus } from "@waggle/protocol";
import { CliError } from "../cli-error.ts";

export async function modelsOf(client: WorkerClient, signal: AbortSignal): Promise<readonly ModelStatus[]> {
  return (await client.models.list({ signal })).models;
}

/** @throws CliError naming what there is */
export function pickModel(models: readonly ModelStatus[], wanted: string): ModelStatus {
  const found = models.find(({ name, aliases }) => name === wanted || aliases.includes(wanted));
  if (found !== undefined) return found;
  const names = models.map(({ name }) => name).join(", ");
  throw new CliError(`There is no model ${wanted}. ${names === "" ? "There is none at all." : `There is: ${names}.`}`);
}
