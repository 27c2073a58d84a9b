// Owns the settings that a model is loaded with, together: with several models in a worker each has its own.
import { resolve } from "node:path";
import type { OptionKey, OptionValues } from "./option-table.ts";

const settingNames = [
  "slots",
  "contextSize",
  "batchSize",
  "prefillBudget",
  "device",
  "gpuLayers",
  "cacheTypeK",
  "cacheTypeV",
  "flashAttention",
  "mmap",
  "mlock",
  "lora",
  "ropeScaling",
  "ropeFreqBase",
  "ropeFreqScale",
  "yarnOrigCtx",
  "chatTemplate",
] as const satisfies readonly OptionKey[];

/** Each under its key in the option table. `chatTemplate` is a template's source, or its name; undefined: the model's own. */
export interface ModelSettings extends Pick<OptionValues, (typeof settingNames)[number]> {
  readonly threads: number;
  /** `threads` was given by hand, so it stays. */
  readonly threadsPinned: boolean;
}

export type ModelSettingKey = (typeof settingNames)[number] | "threads";

export function isModelSetting(key: string): key is ModelSettingKey {
  return key === "threads" || (settingNames as readonly string[]).includes(key);
}

/** @param most cores of the machine */
export function modelSettingsOf(values: OptionValues, chatTemplate: string | undefined, most: number): ModelSettings {
  const given = Object.fromEntries(settingNames.map((name) => [name, values[name]]));
  return {
    ...(given as unknown as Pick<OptionValues, (typeof settingNames)[number]>),
    lora: values.lora?.map(({ path, scale }) => ({ path: resolve(path), scale })),
    chatTemplate,
    // A core left free: with all of them in use, one busy neighbour makes every pass wait for a time slice (decision 003).
    threads: values.threads ?? Math.max(1, most - 1),
    threadsPinned: values.threads !== undefined,
  };
}
