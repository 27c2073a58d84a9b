// Owns the models that the settings name, each with its settings for loading. Models named by flags share one set of settings; models of
// the settings file may differ.
import type { WorkerFile } from "./config-file.ts";
import type { FileModel } from "./file-models.ts";
import type { ModelSettings } from "./model-settings.ts";
import { optionTable } from "./option-table.ts";
import type { OptionKey, OptionValues } from "./option-table.ts";
import { settingsRules } from "./rules.ts";
import type { GivenModel } from "./options/serving-options.ts";

export interface ConfiguredModel extends GivenModel {
  readonly settings: ModelSettings;
  readonly aliases: readonly string[];
  readonly pinned: boolean;
  /** Undefined when the settings for all models apply. */
  readonly keepAliveMs: number | undefined;
}

export interface ConfiguredModelsOptions {
  /** Settings for all models, from flags, variables and the file. */
  readonly values: OptionValues;
  /** Undefined without a file. Also undefined when a flag or a variable names models, because these replace the file's models. */
  readonly file: WorkerFile | undefined;
  readonly settingsOf: (values: OptionValues) => ModelSettings;
}

export interface ConfiguredModels {
  readonly models: readonly ConfiguredModel[];
  /** A sentence for each problem. */
  readonly problems: readonly string[];
}

/** @throws SettingsError */
export function configuredModels({ values, file, settingsOf }: ConfiguredModelsOptions): ConfiguredModels {
  const problems: string[] = [];
  if (file?.models === undefined) {
    const same = { settings: settingsOf(values), aliases: [], pinned: false, keepAliveMs: undefined };
    return { models: (values.models ?? []).map((model) => ({ ...model, ...same })), problems };
  }
  const { path } = file;
  const models = file.models.flatMap((model): readonly ConfiguredModel[] => {
    const { own, problems: found } = ownValues(model, path);
    const all = { ...values, ...own };
    const broken = settingsRules.flatMap((rule) => rule(all) ?? []);
    problems.push(...found, ...broken.map((sentence) => `${sentence} (${path}, line ${model.line}: ${model.name})`));
    if (found.length + broken.length > 0) return [];
    const { name, reference, aliases, pinned } = model;
    return [{ name, reference, aliases, pinned, settings: settingsOf(all), keepAliveMs: own.keepAliveMs }];
  });
  return { models, problems };
}

interface OwnValues {
  readonly own: Partial<OptionValues>;
  readonly problems: readonly string[];
}

function ownValues({ values }: FileModel, path: string): OwnValues {
  const problems: string[] = [];
  const own: Partial<Record<OptionKey, unknown>> = {};
  for (const [key, { text, line }] of values) {
    const { flag, schema } = optionTable[key];
    const parsed = schema.safeParse(text);
    if (parsed.success) own[key] = parsed.data;
    else {
      const [issue] = parsed.error.issues;
      problems.push(`Cannot use ${flag} ${JSON.stringify(text)} (from ${path}, line ${line}): ${issue?.message}.`);
    }
  }
  return { own: own as Partial<OptionValues>, problems };
}
