// Defines a model's host for the pool, the routes and the reports: the file that it serves, and its options.
import type { Transfer } from "@waggle/daemon/terminal";
import type { BackendInfo } from "@waggle/engine";
import type { Fingerprints, JobHost, JobHostOptions } from "@waggle/jobs";
import type { FoundProjector } from "@waggle/models/download";
import type { ModelCard } from "@waggle/models/header";
import type { ContextSizes } from "@waggle/models/memory";
import type { ModelMemory, ModelSource, SlotStatus } from "@waggle/protocol";
import type { ModelSettings } from "../../config/model-settings.ts";
import type { EngineHost } from "../../engine/engine-host.ts";
import type { EngineReadings } from "../../engine/engine-metrics.ts";
import type { ModelState } from "./model-state.ts";

export interface MemoryPlan {
  readonly memory: ModelMemory;
  /** Sizes chosen to fit the budget; undefined: as configured, or chosen by the engine. */
  readonly context: ContextSizes | undefined;
  readonly memoryAt: (context: ContextSizes) => ModelMemory;
}

export interface ServedFileFacts {
  /** Path of the first part. */
  readonly path: string;
  readonly bytes: number;
  /** Whether Waggle has downloaded the file. */
  readonly isDownload?: boolean;
  readonly modifiedAt: string;
  /** Undefined when the header could not be read. */
  readonly card: ModelCard | undefined;
  /** Undefined when the memory needs are unknown. */
  readonly plan: MemoryPlan | undefined;
  readonly pictures: FoundProjector;
}

/** The file that a host serves. */
export interface ServedFile {
  /** A path, or a reference to download. */
  readonly reference: string;
  readonly source: ModelSource;
  readonly settings: ModelSettings;
  /** Undefined until the file is on disk and its header was read. */
  facts: ServedFileFacts | undefined;
  /** Reference of the file that an engine has loaded last. */
  loaded?: string;
  /** The previous file, which the host loads again if this file cannot be loaded. */
  former?: Pick<ServedFile, "reference" | "source" | "facts"> | undefined;
}

/** Why the last load failed. */
export interface LoadFailure {
  /** For the log. Its paths are not shown to clients. */
  readonly message: string;
  /** For clients. */
  readonly shown: string;
  /** False if the previous file is loaded again; waiting jobs then keep waiting. */
  readonly isFinal: boolean;
}

export interface ModelHost extends Omit<JobHost, "refuse"> {
  readonly name: string;
  readonly file: ServedFile;
  readonly state: ModelState;
  /** Whether jobs can run now. */
  readonly ready: boolean;
  /** The last engine; undefined before the first load and after an unload. */
  readonly engine: EngineHost | undefined;
  /** Info of the last engine that became ready; undefined again after another file has replaced the file. */
  readonly info: BackendInfo | undefined;
  /** Last report of the engine, with the engine's job ids; empty before the first report. */
  readonly slots: readonly SlotStatus[];
  /** The engine's measurements, for the gauges. */
  readonly readings: EngineReadings;
  /** Undefined if no load has failed since the model was last loaded. */
  readonly failure: LoadFailure | undefined;
  fingerprints(): Fingerprints;
  /** Number of completed loads, and the duration of the last one. */
  readonly loads: { readonly count: number; readonly lastMs: number };
  readonly starts: number;
  readonly deaths: number;
  /** Limits the engine's threads; undefined removes the limit. */
  limitThreads(most: number | undefined): void;
  /** Reports the progress of a download. */
  downloading(progress: number, transfer?: Transfer): void;
  /** The model is requested but may not load yet; an earlier failure is cleared. */
  wait(why: string): void;
  /** Stops waiting for memory or a download, because the model is no longer needed. */
  giveWay(): void;
  /** Another file replaces the present file, which is loaded again if the other file cannot be loaded. Call it while no engine runs. */
  replaceFile(next: Pick<ServedFile, "reference" | "source">): void;
  load(): void;
  /** The model cannot be loaded: its waiting jobs end with this error, unless the previous file is loaded again. */
  fail(message: string): void;
  /** Starts no further job; resolves when running jobs have ended and the engine has exited. Waiting jobs keep waiting. */
  unload(): Promise<void>;
  /** Refuses new jobs and ends waiting ones, because the worker leaves. Idempotent. */
  refuse(): void;
  /** Stops the engine; resolves when it has exited. */
  stop(): Promise<void>;
}

/** What an engine is created from. */
export type EngineSource = Pick<ModelHost, "key" | "name" | "file">;

export interface ModelHostOptions extends Omit<
  JobHostOptions,
  "server" | "executor" | "model" | "fingerprints" | "observers"
> {
  /** Name that the model is served under; undefined: the name in its file, once the model is loaded. */
  readonly name: string | undefined;
  readonly file: ServedFile;
  /** Whether clients see this machine's paths in messages. */
  readonly localMode: boolean;
  /** Folder of the models and of their hashes. */
  readonly modelsFolder: string;
  readonly createEngine: (source: EngineSource) => EngineHost;
  readonly onDownloadProgress: (progress: number, transfer: Transfer | undefined) => void;
  readonly observers?: JobHostOptions["observers"];
}
