// Reads the worker's settings file: the settings that every program's file may have, and the section `models`.
import { configFileProblems, readConfigFile, type SettingsFile } from "@waggle/daemon";
import { readFileModels } from "./file-models.ts";
import type { ModelSection } from "./file-models.ts";
import { optionTable } from "./option-table.ts";
import type { OptionKey } from "./option-table.ts";

export interface WorkerFile extends SettingsFile<OptionKey> {
  /** Undefined when the file has no section `models`. */
  readonly models: readonly ModelSection[] | undefined;
}

/** Never throws: the result has the problems. */
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
  const { values, problems } = readConfigFile(path, read, optionTable, sections);
  const both = models !== undefined && values.has("models") ? ["model and models cannot both be set"] : [];
  return { path, values, models, problems: [...problems, ...configFileProblems(path, both)] };
}
