// Opens the files of a model's KV snapshots. Snapshots are only loaded if the same library computed them with the same model, adapters and settings.
import type { GgufHeader } from "@waggle/models/header";
import { estimateMemory } from "@waggle/models/memory";
import type { LoadedSettings } from "@waggle/protocol";
import type { Llama, LlamaModel } from "node-llama-cpp";
import type { EntryOfChunk } from "../slots/chunk-entries.ts";
import { openKvFiles, type KvFiles } from "../slots/kv-files.ts";
import { modelFingerprint } from "../slots/model-fingerprint.ts";
import type { CacheForm } from "./context.ts";
import type { LlamaBackendOptions } from "./load.ts";
import type { LoraAdapters } from "./lora.ts";

const estimatedCells = 2_048;

/** What decides the contents of a snapshot, in addition to its tokens. */
export interface SnapshotMakers {
  readonly header: GgufHeader;
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
  entryOf: EntryOfChunk,
): KvFiles | undefined {
  if (statesFolder === undefined) return undefined;
  const { isRecurrent, isHybrid } = makers.model.fileInsights;
  // A recurrent state cannot be cut: a snapshot could only be used for a prompt that begins with all its tokens.
  if (isRecurrent || isHybrid) return undefined;
  try {
    const fingerprint = modelFingerprint(modelPath, snapshotKey(makers, slots));
    return openKvFiles(statesFolder, fingerprint, entryOf, cellBytesOf(makers));
  } catch (error) {
    log?.("warn", `Prefixes are not kept: ${(error as Error).message}`);
    return undefined;
  }
}

/** Bytes of a token's keys and values. */
function cellBytesOf({ header, settings }: SnapshotMakers): number {
  const { cache_type_k: cacheTypeK, cache_type_v: cacheTypeV, flash_attention: flashAttention } = settings;
  const one = { slots: 1, contextSize: estimatedCells, cacheTypeK, cacheTypeV, flashAttention };
  return estimateMemory(header, one).cache / estimatedCells;
}

function snapshotKey({ llama, settings, adapters, form }: SnapshotMakers, slots: number): string[] {
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
