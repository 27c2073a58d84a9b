// Makes the list of recommended models with what fits on a machine.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Machine } from "@waggle/models/memory";
import {
  adviseModel,
  bestOfPurposes,
  listWords,
  listedOn,
  recommendedModels,
  type Advice,
} from "@waggle/models/recommended";
import type { RecommendedModel, RecommendedModels } from "@waggle/protocol";
import type { ModelSettings } from "../../config/model-settings.ts";
import { engineSettingsOf } from "../memory/engine-settings.ts";
import { fitField, modelField } from "./fit.ts";

/** Memory bandwidth of a usual machine without a GPU. It only decides which model is named as the best. */
const usualBandwidth = { bytesPerSecond: 20e9, error: 1, threads: 1 };

export interface HereAdvice {
  readonly advice: readonly Advice[];
  readonly best: ReturnType<typeof bestOfPurposes>;
}

/**
 * @param settings with which a downloaded model would be loaded
 * @param machine without its memory bandwidth, whose measurement would slow running answers down
 */
export async function adviseHere(settings: ModelSettings, machine: Machine): Promise<HereAdvice> {
  const wanted = engineSettingsOf(settings);
  const here = { ...machine, bandwidth: machine.bandwidth ?? usualBandwidth };
  const advice: Advice[] = [];
  for (const model of recommendedModels) {
    advice.push(...adviseModel(model, here, wanted));
    // Streams continue between two models.
    await nextTurn();
  }
  return { advice, best: bestOfPurposes(advice, here) };
}

/** @param modelOf the name of the worker's model that has the file of a reference */
export async function toRecommended(
  { advice, best }: HereAdvice,
  modelOf: (reference: string) => Promise<string | undefined>,
): Promise<RecommendedModels> {
  const models: RecommendedModel[] = [];
  for (const one of advice) {
    const bestFor = best.filter((row) => row.best === one).map(({ purpose }) => purpose);
    models.push({ ...toWire(one), best_for: bestFor, ...modelField(await modelOf(one.model.reference)) });
  }
  return { listed_on: listedOn, note: listWords(), models };
}

function toWire({ model, row: { fit } }: Advice): Omit<RecommendedModel, "best_for"> {
  const { name, reference, purposes, languages, parameters, bytes, downloaded } = model;
  return {
    ...{ name, reference, purposes: [...purposes], languages, parameters, bytes, downloaded },
    ...fitField(fit),
  };
}
