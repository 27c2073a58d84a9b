// Makes the list of recommended models with what fits on a machine.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Machine } from "@waggle/models/memory";
import { adviseModel, listWords, listedOn, recommendedModels, type Advice } from "@waggle/models/recommended";
import type { RecommendedModel, RecommendedModels } from "@waggle/protocol";
import type { ModelSettings } from "../../config/model-settings.ts";
import { engineSettingsOf } from "../memory/engine-settings.ts";
import { fitField } from "./fit.ts";

/**
 * @param settings with which a downloaded model would be loaded
 * @param machine without its memory bandwidth, whose measurement would slow running answers down
 */
export async function recommendModels(settings: ModelSettings, machine: Machine): Promise<RecommendedModels> {
  const wanted = engineSettingsOf(settings);
  const models: RecommendedModel[] = [];
  for (const model of recommendedModels) {
    models.push(...adviseModel(model, machine, wanted).map(toWire));
    // Streams continue between two models.
    await nextTurn();
  }
  return { listed_on: listedOn, note: listWords(), models };
}

function toWire({ model, row: { fit } }: Advice): RecommendedModel {
  const { name, reference, purposes, languages, parameters, bytes, downloaded } = model;
  return {
    ...{ name, reference, purposes: [...purposes], languages, parameters, bytes, downloaded },
    ...fitField(fit),
  };
}
