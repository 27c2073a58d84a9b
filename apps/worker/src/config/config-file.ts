// Owns the worker's settings file: settings as every program's file has them, and a section with the models.
import { configFileError, readConfigFile, type SettingsFile } from "@waggle/daemon";
import { readFileModels } from "./file-models.ts";
import type { FileModel } from "./file-models.ts";
import { optionTable } from "./option-table.ts";
import type { OptionKey } from "./option-table.ts";

export interface WorkerFile extends SettingsFile<OptionKey> {
  /** The models of the section `models`; undefined without that section. */
  readonly models: readonly FileModel[] | undefined;
}

/** Reads the file, with each model's settings under `models`. @throws SettingsError */
export function readWorkerFile(path: string, read: (path: string) => string): WorkerFile {
  let models: WorkerFile["models"];
  const sections = new Map([
    [
      "models",
      (...section: Parameters<typeof readFileModels>) => {
        const found = readFileModels(...section);
        models = found.models;
        return found.reasons;
      },
    ],
  ]);
  const { values } = readConfigFile(path, read, optionTable, sections);
  if (models !== undefined && values.has("models")) {
    throw configFileError(path, ["model and models cannot both be set"]);
  }
  return { path, values, models };
}
