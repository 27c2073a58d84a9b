// Owns the settings with which a model is loaded. Each model of a worker may have different settings.
import { resolve } from "node:path";
import type { OptionKey, OptionValues } from "./option-table.ts";

const settingNames = [
  "slots",
  "contextSize",
  "contextPool",
  "cacheForm",
  "batchSize",
  "prefillBudget",
  "maxTokenGapMs",
  "guesses",
  "device",
  "gpuLayers",
  "cacheTypeK",
  "cacheTypeV",
  "flashAttention",
  "mmap",
  "mlock",
  "lora",
  "mmproj",
  "maxPicturePixels",
  "ropeScaling",
  "ropeFreqBase",
  "ropeFreqScale",
  "yarnOrigCtx",
  "chatTemplate",
] as const satisfies readonly OptionKey[];

/**
 * The keys are the same as in the option table. `chatTemplate` is a template's text or name; undefined means the model's template. `mmproj` is `auto`, `none` or
 * an absolute path.
 */
export interface ModelSettings extends Pick<OptionValues, (typeof settingNames)[number]> {
  readonly threads: number;
  /** Whether the user has set `threads`. If so, the number is never changed. */
  readonly threadsPinned: boolean;
}

export type ModelSettingKey = (typeof settingNames)[number] | "threads";

export function isModelSetting(key: string): key is ModelSettingKey {
  return key === "threads" || (settingNames as readonly string[]).includes(key);
}

/** @param most number of cores */
export function modelSettingsOf(values: OptionValues, chatTemplate: string | undefined, most: number): ModelSettings {
  const given = Object.fromEntries(settingNames.map((name) => [name, values[name]]));
  return {
    ...(given as unknown as Pick<OptionValues, (typeof settingNames)[number]>),
    lora: values.lora?.map(({ path, scale }) => ({ path: resolve(path), scale })),
    mmproj: ["auto", "none"].includes(values.mmproj) ? values.mmproj : resolve(values.mmproj),
    chatTemplate,
    // Leave one core free: with all cores in use, one other busy process makes every pass wait for a time slice.
    threads: values.threads ?? Math.max(1, most - 1),
    threadsPinned: values.threads !== undefined,
  };
}
