// Looks up models of a worker.
import type { WorkerClient } from "@waggle/client";
import type { ModelStatus } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";

export async function modelsOf(client: WorkerClient, signal: AbortSignal): Promise<readonly ModelStatus[]> {
  return (await client.models.list({ signal })).models;
}

/** @throws CliError that names the available models */
export function pickModel(models: readonly ModelStatus[], wanted: string): ModelStatus {
  const found = models.find(({ name, aliases }) => name === wanted || aliases.includes(wanted));
  if (found !== undefined) return found;
  const names = models.map(({ name }) => name).join(", ");
  const available = names === "" ? "No models are available." : `Available: ${names}.`;
  throw new CliError(`Unknown model ${wanted}. ${available}`, exitCodes.fileUnusable);
}
