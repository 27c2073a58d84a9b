// Reads the worker's settings file: the settings that every program's file may have, and the section `models`.
import { configFileError, readConfigFile, type SettingsFile } from "@waggle/daemon";
import { readFileModels } from "./file-models.ts";
import type { ModelSection } from "./file-models.ts";
import { optionTable } from "./option-table.ts";
import type { OptionKey } from "./option-table.ts";

export interface WorkerFile extends SettingsFile<OptionKey> {
  /** Undefined when the file has no section `models`. */
  readonly models: readonly ModelSection[] | undefined;
}

/** @throws SettingsError */
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
