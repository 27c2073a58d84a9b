import type { Clock } from "@waggle/async";
import type { BackendInfo } from "@waggle/engine";
import type { Job, JobLimits, JobObserver, JobRegistry } from "@waggle/jobs";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { EngineHost, EngineHostEvents } from "../../engine/engine-host.ts";

export interface ModelHostOptions {
  /** Prefix of the host's job ids, different for each host. */
  readonly key: string;
  /** Path or reference of the model, without credentials. */
  readonly modelPath: string;
  /** Name that the model is served under; undefined: the name in its file, once it is loaded. */
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
  /** Called for each load. */
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
  /** The host's last job has ended. */
  readonly onIdle: (last: Job) => void;
}
