// Saves the KV cache of a slot to a file, and loads such a file into any slot. llama.cpp only checks sizes, so the contents are checked here.
// Snapshots are only loaded if the same library computed them with the same model, adapters and settings.
import { statSync } from "node:fs";
import { isCell, positionBehind } from "@waggle/engine";
import type { HeldEntry, KvSnapshot, KvSnapshots, Token } from "@waggle/engine";
import type { Passes } from "../passes/passes.ts";
import type { LoadedSettings } from "@waggle/protocol";
import type { Llama, LlamaModel } from "node-llama-cpp";
import type { LlamaBackendOptions } from "../load/load.ts";
import type { CacheForm } from "../load/context.ts";
import type { LoraAdapters } from "../load/lora.ts";
import { openKvFiles, type KvFiles } from "./kv-files.ts";
import { modelFingerprint } from "./model-fingerprint.ts";

/** @param capacity most tokens that a slot holds */
export function createKvSnapshots(
  passes: Pick<Passes, "erase" | "load" | "save">,
  folder: KvFiles,
  capacity: number,
): KvSnapshots {
  /** Bytes per token in the last saved snapshot. The number is nearly the same in all snapshots of a model. */
  let bytesPerToken = 0;

  /** @returns false if the file does not begin with these entries, or the library rejects it; the slot's contents are then unknown */
  async function loadEntries(slot: number, path: string, entries: readonly HeldEntry[]): Promise<boolean> {
    const found = await passes.load(slot, path).catch(() => []);
    if (found.length > capacity || entries.some((entry, i) => tokenInFile(entry) !== found[i])) return false;
    // The file holds everything that the saved slot held.
    const end = positionBehind(entries, entries.length);
    if (found.length > entries.length) await passes.erase(slot, end, Infinity, Infinity, entries.length);
    return true;
  }

  return {
    // Longer snapshots stay in the folder for workers with a larger context.
    found: folder.found.filter(({ entries }) => entries.length <= capacity),
    async save(slot, held, tokens, cacheScope) {
      const { id, path } = folder.newFile(bytesPerToken * tokens);
      try {
        const bytes = await passes.save(slot, path, held.entries.map(tokenInFile));
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
      const loaded = (await folder.isSound(state)) && (await loadEntries(slot, folder.pathOf(state.id), state.entries));
      if (!loaded) {
        folder.remove(state);
        await passes.erase(slot, 0, 0, 0);
      }
      return loaded;
    },
    remove: (state: KvSnapshot) => folder.remove(state),
  };
}

/** A file has tokens only. Which pictures the cells are of is in the snapshot's description. */
function tokenInFile(entry: HeldEntry): Token {
  return isCell(entry) ? 0 : entry;
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
