// Defines a model's host for the pool, the routes and the reports; its options, and its events.
import type { Clock, ConflatedChannel } from "@waggle/async";
import type { BackendInfo } from "@waggle/engine";
import type { Dispatcher, Fingerprints, Job, JobLimits, JobObserver, JobRegistry } from "@waggle/jobs";
import type { LoadingEvent, SlotStatus } from "@waggle/protocol";
import type { AdmissionQueue, SessionRegistry } from "@waggle/queue";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { EngineHost, EngineHostEvents } from "../../engine/engine-host.ts";
import type { EngineReadings } from "../../engine/engine-metrics.ts";
import type { ModelState } from "./model-state.ts";

export interface ModelHost {
  readonly key: string;
  readonly name: string;
  readonly state: ModelState;
  readonly loading: ConflatedChannel<LoadingEvent>;
  readonly dispatcher: Dispatcher;
  readonly registry: JobRegistry;
  readonly queue: AdmissionQueue<Job>;
  readonly sessions: SessionRegistry;
  /** The last engine; undefined before the first load and after an unload. */
  readonly engine: EngineHost | undefined;
  /** Info of the last engine that became ready. */
  readonly info: BackendInfo | undefined;
  /** Last report of the engine, with the engine's job ids; empty before the first report. */
  readonly slots: readonly SlotStatus[];
  /** The engine's measurements, for the gauges. */
  readonly readings: EngineReadings;
  /** The reason of a failure, for the log. Its paths are not shown to clients. */
  readonly failure: string | undefined;
  fingerprints(): Fingerprints;
  readonly tokens: number;
  /** Number of completed loads, and the duration of the last one. */
  readonly loads: { readonly count: number; readonly lastMs: number };
  readonly starts: number;
  readonly deaths: number;
  /** Limits the engine's threads; undefined removes the limit. */
  limitThreads(most: number | undefined): void;
  /** Reports the progress of a download. */
  downloading(progress: number, doneBytes?: number): void;
  /** The model is requested but may not load yet; an earlier failure is cleared. */
  wait(why: string): void;
  /** Stops waiting for memory or a download, because the model is no longer needed. */
  giveWay(): void;
  /** Forgets the present file, because another one replaces it. */
  forget(): void;
  load(): void;
  /** The model cannot be loaded: its waiting jobs end with this error. */
  fail(message: string): void;
  /** Starts no further job; resolves when running jobs have ended and the engine has exited. Waiting jobs keep waiting. */
  unload(): Promise<void>;
  /** Refuses new jobs and ends waiting ones. Idempotent. */
  refuse(): void;
  abort(): void;
  /** Stops the engine; resolves when it has exited. */
  stop(): Promise<void>;
  /** Called last: clears all timers. */
  close(): void;
}

export interface ModelHostOptions {
  /** Prefix of the host's job ids, different for each host. */
  readonly key: string;
  /** Path or reference of the model, without credentials. */
  readonly modelPath: string;
  /** Name that the model is served under; undefined: the name in its file, once the model is loaded. */
  readonly name: string | undefined;
  /** Converts an error's message to the form that clients may read. */
  readonly shownMessage: (message: string) => string;
  /** Number of slots until the engine reports it. */
  readonly slots: number;
  readonly queueCapacity: number;
  readonly clientQueueShare: number;
  readonly limits: JobLimits;
  /** Folder of the models and of their hashes. */
  readonly modelsFolder: string;
  /** Registry of the jobs of all models. */
  readonly registry: JobRegistry;
  readonly createEngine: (events: EngineHostEvents) => EngineHost;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  readonly observers?: readonly JobObserver[];
}

export interface ModelHostEvents {
  readonly onDownloadProgress: (progress: number, doneBytes: number | undefined) => void;
  /** An engine has loaded the model, for the first time or again. */
  readonly onReady: (info: BackendInfo, loadMs: number) => void;
  /** The model cannot be loaded, or is in a crash loop. `never`: it was never loaded. */
  readonly onGaveUp: (never: boolean) => void;
  /** Loading failed. True if the previous file is loaded again; waiting jobs keep waiting. */
  readonly goesBack: () => boolean;
  readonly onIdle: (last: Job) => void;
}
