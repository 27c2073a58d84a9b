// Remembers which of the machine's models answered last, for the default of the next worker that is started without named models.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { WorkerConfig } from "../../config.ts";

export interface LastUsed {
  /** Path of the model's file; undefined if no model was used, or the note is damaged. */
  read(): string | undefined;
  /** @param path of the file whose model got a job */
  note(path: string): void;
}

const fileName = "last-model.json";

/** @param folder the state folder */
export function readLastUsed(folder: string): string | undefined {
  try {
    const { path } = JSON.parse(readFileSync(join(folder, fileName), "utf8")) as { readonly path?: unknown };
    return typeof path === "string" ? path : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A worker with named models does not note what it was asked for: doctor and other commands start such workers.
 * @param folder the state folder
 * @param modelsFolder files elsewhere are not noted, because a worker without named models does not offer them
 * @param embedded path of the embedded model
 */
export function createLastUsed({
  folder,
  modelsFolder,
  embedded,
  localMode,
  models,
}: Pick<WorkerConfig, "modelsFolder" | "localMode" | "models"> & {
  readonly folder: string;
  readonly embedded: string;
}): LastUsed {
  const isNoting = localMode && models.length === 0;
  let noted: string | undefined;

  return {
    read: () => readLastUsed(folder),
    note(path) {
      if (!isNoting || path === noted || (path !== embedded && relative(modelsFolder, path).startsWith(".."))) return;
      noted = path;
      // A few bytes, and only when another model is used: the jobs that follow wait for a millisecond at most.
      try {
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, fileName), JSON.stringify({ path }));
      } catch {
        // Without the note the next worker begins with the embedded model.
      }
    },
  };
}
