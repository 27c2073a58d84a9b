// Owns the models that the settings name, each with its settings for loading. Models named by flags share one set of settings; models of
// the settings file may differ.
import type { ModelSource } from "@waggle/protocol";
import type { WorkerFile } from "./config-file.ts";
import type { ModelSection } from "./file-models.ts";
import type { ModelSettings } from "./model-settings.ts";
import { optionTable } from "./option-table.ts";
import type { OptionKey, OptionValues } from "./option-table.ts";
import { settingsRules } from "./rules.ts";

/** A model that a flag, the settings file, the models folder or an operator names. */
export interface GivenModel {
  /** When undefined, the model's own name is used as soon as the model is loaded. */
  readonly name: string | undefined;
  /** A path, or a reference to download. */
  readonly reference: string;
  readonly source: ModelSource;
  readonly aliases: readonly string[];
  readonly pinned: boolean;
  /** Whether this model is the default of a worker whose settings name no default. */
  readonly isUsual?: boolean | undefined;
  /** Undefined when the settings for all models apply. */
  readonly settings?: ModelSettings | undefined;
  readonly keepAliveMs?: number | undefined;
}

export interface GivenModelsOptions {
  /** Settings for all models, from flags, variables and the file. */
  readonly values: OptionValues;
  /** Undefined without a file. Also undefined when a flag or a variable names models, because these replace the file's models. */
  readonly file: WorkerFile | undefined;
  readonly settingsOf: (values: OptionValues) => ModelSettings;
}

export interface GivenModels {
  readonly models: readonly GivenModel[];
  /** A sentence for each problem. */
  readonly problems: readonly string[];
}

/** @throws SettingsError */
export function givenModels({ values, file, settingsOf }: GivenModelsOptions): GivenModels {
  const problems: string[] = [];
  const source = values.backend === "fake" ? "fake" : "file";
  if (file?.models === undefined) {
    const same = { source, settings: settingsOf(values), aliases: [], pinned: false } as const;
    return { models: (values.models ?? []).map((model) => ({ ...model, ...same })), problems };
  }
  const { path } = file;
  const models = file.models.flatMap((model): readonly GivenModel[] => {
    const own = ownValues(model);
    const all = { ...values, ...own };
    const broken = settingsRules.flatMap((rule) => rule(all) ?? []);
    problems.push(...broken.map((sentence) => `${sentence} (${path}, line ${model.line}: ${model.name})`));
    if (broken.length > 0) return [];
    const { name, reference, aliases, pinned } = model;
    return [{ name, reference, source, aliases, pinned, settings: settingsOf(all), keepAliveMs: own.keepAliveMs }];
  });
  return { models, problems };
}

function ownValues({ values }: ModelSection): Partial<OptionValues> {
  const own: Partial<Record<OptionKey, unknown>> = {};
  for (const [key, { text }] of values) own[key] = optionTable[key].schema.parse(text);
  return own as Partial<OptionValues>;
}
