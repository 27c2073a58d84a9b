// Saves the KV cache of a slot to a file, and loads such a file into any slot. llama.cpp only checks sizes, so the contents are checked here.
// Snapshots are only loaded if the same library computed them with the same model, adapters and settings.
import { statSync } from "node:fs";
import type { KvSnapshot, KvSnapshots } from "@waggle/engine";
import type { Slot } from "./slot.ts";
import type { LoadedSettings } from "@waggle/protocol";
import type { Llama, LlamaModel } from "node-llama-cpp";
import type { LlamaBackendOptions } from "../load/load.ts";
import type { CacheForm } from "../load/context.ts";
import type { LoraAdapters } from "../load/lora.ts";
import { openKvFiles, type KvFiles } from "./kv-files.ts";
import { modelFingerprint } from "./model-fingerprint.ts";

/** @param capacity most tokens that a slot holds */
export function createKvSnapshots(slotAt: (id: number) => Slot, folder: KvFiles, capacity: number): KvSnapshots {
  /** Bytes per token in the last saved snapshot. The number is nearly the same in all snapshots of a model. */
  let bytesPerToken = 0;

  return {
    // Longer snapshots stay in the folder for workers with a larger context.
    found: folder.found.filter(({ entries }) => entries.length <= capacity),
    async save(slot, held, tokens, cacheScope) {
      const { id, path } = folder.newFile(bytesPerToken * tokens);
      try {
        const bytes = await slotAt(slot).save(path, held);
        // The library does not report a failed write.
        if (statSync(path).size !== bytes) throw new Error("the file is incomplete");
        bytesPerToken = bytes / Math.max(1, tokens);
        return folder.seal(id, held.entries.slice(0, tokens), cacheScope);
      } catch (error) {
        folder.remove({ id });
        throw error;
      }
    },
    async load(slot, state) {
      const loaded = (await folder.isSound(state)) && (await slotAt(slot).load(folder.pathOf(state.id), state.entries));
      if (!loaded) {
        folder.remove(state);
        await slotAt(slot).clear();
      }
      return loaded;
    },
    remove: (state: KvSnapshot) => folder.remove(state),
  };
}

/** What decides the contents of a snapshot, in addition to its tokens. */
export interface SnapshotMakers {
  readonly model: LlamaModel;
  readonly llama: Llama;
  readonly settings: LoadedSettings;
  readonly adapters: LoraAdapters;
  readonly form: CacheForm;
}

/** @returns undefined if there is no folder, the folder cannot be used, or the model has recurrent layers. The engine then saves no snapshots. */
export function openSnapshotFiles(
  { modelPath, statesFolder, slots, log }: LlamaBackendOptions,
  makers: SnapshotMakers,
): KvFiles | undefined {
  if (statesFolder === undefined) return undefined;
  const { isRecurrent, isHybrid } = makers.model.fileInsights;
  // A recurrent state cannot be cut: a snapshot could only be used for a prompt that begins with all its tokens.
  if (isRecurrent || isHybrid) return undefined;
  try {
    return openKvFiles(statesFolder, modelFingerprint(modelPath, keyOf(makers, slots)));
  } catch (error) {
    log?.("warn", `Prefixes are not kept: ${(error as Error).message}`);
    return undefined;
  }
}

function keyOf({ llama, settings, adapters, form }: SnapshotMakers, slots: number): string[] {
  const { cache_type_k: k, cache_type_v: v, flash_attention: flashAttention, rope = null } = settings;
  return [
    llama.llamaCppRelease.release,
    llama.buildType,
    String(llama.gpu),
    JSON.stringify([k, v, flashAttention, rope]),
    // llama.cpp refuses a state of a cache with another number of streams.
    form === "unified" ? "unified" : `${slots} streams`,
    ...adapters.files.map(({ path, scale }) => `${scale} ${modelFingerprint(path, [])}`),
  ];
}
