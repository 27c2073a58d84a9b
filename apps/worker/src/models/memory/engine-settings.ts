// Adds to a model's settings the facts of this machine on which the memory of its engine depends.
import { statSync } from "node:fs";
import { hasAddon } from "@waggle/engine-llama/addon-file";
import type { Projector } from "@waggle/models/download";
import type { EngineSettings } from "@waggle/models/memory";
import type { ModelSettings } from "../../config/model-settings.ts";

/** @param projector the model's projector; undefined: the model reads no pictures */
export function engineSettingsOf(settings: ModelSettings, projector?: Projector): EngineSettings & ModelSettings {
  const files = settings.lora ?? [];
  return {
    ...settings,
    hasAddon: settings.cacheForm !== "separate" && hasAddon(),
    ...(projector === undefined
      ? {}
      : { pictures: { projector: projector.card, maxPixels: settings.maxPicturePixels } }),
    loraBytes: files.reduce((bytes, { path }) => bytes + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0),
  };
}
