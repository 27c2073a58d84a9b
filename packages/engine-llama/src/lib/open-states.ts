// Owns whose saved states are taken for this model's: those that were computed from the same files, by the same library, under the same settings.
import type { LoadedSettings } from "@waggle/protocol";
import type { Llama, LlamaModel } from "node-llama-cpp";
import type { LlamaBackendOptions } from "./load.ts";
import type { LoraAdapters } from "./lora.ts";
import { modelFingerprint } from "./model-fingerprint.ts";
import { openStateFolder, type StateFolder } from "./state-folder.ts";

/** All that decides what a state holds, beside its tokens. */
export interface StateMakers {
  readonly model: LlamaModel;
  readonly llama: Llama;
  readonly settings: LoadedSettings;
  readonly adapters: LoraAdapters;
}

/** Without states everything works, only slower; so a folder that cannot be used is no reason not to start. */
export function openStates(
  { modelPath, statesFolder, log }: LlamaBackendOptions,
  makers: StateMakers,
): StateFolder | undefined {
  if (statesFolder === undefined) return undefined;
  const { isRecurrent, isHybrid } = makers.model.fileInsights;
  // Their caches cannot be cut, so a state would only fit the very prompt that it was made from.
  if (isRecurrent || isHybrid) return undefined;
  try {
    return openStateFolder(statesFolder, modelFingerprint(modelPath, keyOf(makers)));
  } catch (error) {
    log?.("warn", `Prefixes are not kept: ${(error as Error).message}`);
    return undefined;
  }
}

function keyOf({ llama, settings, adapters }: StateMakers): string[] {
  const { cache_type_k: k, cache_type_v: v, flash_attention: flashAttention, rope = null } = settings;
  return [
    llama.llamaCppRelease.release,
    llama.buildType,
    String(llama.gpu),
    JSON.stringify([k, v, flashAttention, rope]),
    ...adapters.files.map(({ path, scale }) => `${scale} ${modelFingerprint(path, [])}`),
  ];
}
