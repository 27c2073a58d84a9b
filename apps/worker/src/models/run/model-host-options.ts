// Owns the options of a model's host, and its events.
import type { Clock } from "@waggle/async";
import type { BackendInfo } from "@waggle/engine";
import type { Job, JobLimits, JobObserver, JobRegistry } from "@waggle/jobs";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { EngineHost, EngineHostEvents } from "../../engine/engine-host.ts";

export interface ModelHostOptions {
  /** What the names of its jobs begin with, among those of all hosts. */
  readonly key: string;
  /** The file, or where it comes from, as it may be shown: without credentials. */
  readonly modelPath: string;
  /** The name that the model is served under; undefined: its own, once it is loaded. */
  readonly name: string | undefined;
  /** An error's message as clients read it. */
  readonly shownMessage: (message: string) => string;
  /** Until the engine says. */
  readonly slots: number;
  readonly queueCapacity: number;
  readonly clientQueueShare: number;
  readonly limits: JobLimits;
  /** Where models lie, and what is known of them. */
  readonly modelsFolder: string;
  /** All models' jobs. */
  readonly registry: JobRegistry;
  /** One for each time that it is loaded. */
  readonly createEngine: (events: EngineHostEvents) => EngineHost;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  readonly observers?: readonly JobObserver[];
}

/** Events of a host. */
export interface ModelHostEvents {
  readonly onDownloadProgress: (progress: number, doneBytes: number | undefined) => void;
  /** The model can be used, for the first time or again. */
  readonly onReady: (info: BackendInfo, loadMs: number) => void;
  /** No engine will come: it cannot be loaded, or is in a crash loop. `never`: it was never loaded. */
  readonly onGaveUp: (never: boolean) => void;
  /** Loading failed. True if the previous file is loaded again; waiting jobs keep waiting. */
  readonly goesBack: () => boolean;
  /** A job of it has ended, and it has no other. */
  readonly onIdle: (last: Job) => void;
}
