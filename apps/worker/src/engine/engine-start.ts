// Defines the first message to an engine process: all its settings, as plain data. Only the worker reads flags and variables.
import type { BackendInfo, OpenedFile } from "@waggle/engine";
import type { ProjectorSettings } from "@waggle/engine-llama";
import type { BackendName } from "@waggle/protocol";
import type { ModelSettings } from "../config/model-settings.ts";

/** Loads the model and serves jobs. */
export interface EngineStart {
  readonly type: "load";
  readonly backend: BackendName;
  /** Path of the model's file. */
  readonly model: string;
  readonly gpuFolder: string;
  readonly settings: ModelSettings;
  /** Undefined: the model reads no pictures. */
  readonly projector?: ProjectorSettings | undefined;
  /** Maximum number of threads to try when they are not pinned: a container's quota may be less than the backend's limit. */
  readonly maxThreads: number;
  /** Folder of the KV snapshots, and the most bytes that they may take; undefined: no snapshots. `tokenMs`: as `prefixStoreTokenMs` of the engine. */
  readonly prefixStore:
    | { readonly folder: string; readonly maxBytes: number; readonly tokenMs?: number | undefined }
    | undefined;
  readonly fake: FakeEngineOptions;
}

/**
 * Returns the settings for the next engine: the attention that was measured and chosen for this one stays, and saved states with it.
 * @param tokenMs time per token of the engine's last transfer of a KV snapshot: a folder that is slow stays slow
 */
export function startAgain(
  last: EngineStart,
  { attention, settings: loaded }: BackendInfo,
  tokenMs = last.prefixStore?.tokenMs,
): EngineStart {
  const start = { ...last, prefixStore: last.prefixStore && { ...last.prefixStore, tokenMs } };
  const { settings } = start;
  if (attention === undefined || loaded === undefined || settings.flashAttention !== "auto") return start;
  return { ...start, settings: { ...settings, flashAttention: loaded.flash_attention ? "on" : "off" } };
}

/**
 * Returns the settings for an engine after one that died while it opened a file: without a projector that the model does not need.
 * Undefined if the model needs the file.
 * @param death the sentence with which the engine died
 */
export function startWithout(start: EngineStart, { kind, path }: OpenedFile, death: string): EngineStart | undefined {
  const { projector } = start;
  if (projector === undefined || projector.path !== path || projector.isRequired) return undefined;
  const why = `${death.charAt(0).toLowerCase()}${death.slice(1).replace(/\.$/, "")}`;
  const when = kind === "picture" ? "when it read a picture with this file" : "when it opened this file";
  const problem = `${why}, ${when}; download the file again, or start with --mmproj none`;
  return { ...start, projector: { ...projector, problem } };
}

const withoutPictures = "Download that file again, or start with --mmproj none.";
const remedies = {
  projector: ["opened the projector", withoutPictures],
  picture: ["read the first picture with the projector", withoutPictures],
  adapter: ["opened the adapter", "Make that file again for this model, or start without it (--lora)."],
} as const;

/** The sentence of a death, with the file at which the engine died and a remedy. */
export function wordsAt({ kind, path }: OpenedFile, death: string): string {
  const [what, remedy] = remedies[kind];
  return `${death.replace(/\.$/, "")}, while it ${what} ${path}. ${remedy}`;
}

/** Faults and delays of the fake backend, for tests and benchmarks. */
export interface FakeEngineOptions {
  readonly stepDelayMs: number;
  readonly loadDelayMs: number;
  readonly failLoad: string | undefined;
  readonly crashAtStep: number | undefined;
  readonly gate: string | undefined;
}
