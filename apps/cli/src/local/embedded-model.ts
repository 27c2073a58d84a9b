// Owns the embedded model as commands show it. It comes with this program, so it is here also when a running worker does not serve it.
import { stat } from "node:fs/promises";
import { embeddedModelName, embeddedModelPath } from "@waggle/worker/embedded-model";

export interface EmbeddedModel {
  readonly name: string;
  readonly source: "embedded";
  /** No worker has loaded it; a worker that has reports its state itself. */
  readonly state: "unloaded";
  readonly path: string;
  readonly bytes: number;
}

export async function embeddedModel(): Promise<EmbeddedModel> {
  const path = embeddedModelPath();
  const { size } = await stat(path);
  return { name: embeddedModelName, source: "embedded", state: "unloaded", path, bytes: size };
}

export function isEmbeddedModel(name: string): boolean {
  return name === embeddedModelName;
}
