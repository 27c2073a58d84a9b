// Defines the port of a model's host for the pool, the routes and the reports.
import type { ConflatedChannel } from "@waggle/async";
import type { BackendInfo } from "@waggle/engine";
import type { Dispatcher, Fingerprints, Job, JobRegistry } from "@waggle/jobs";
import type { LoadingEvent, SlotStatus } from "@waggle/protocol";
import type { AdmissionQueue, SessionRegistry } from "@waggle/queue";
import type { EngineHost } from "../../engine/engine-host.ts";
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
  /** Last report of the engine; empty before its first report. Job ids are those of the engine. */
  readonly slots: readonly SlotStatus[];
  /** Memory of the engine's process in bytes, from its last report; undefined without a process. */
  readonly residentBytes: number | undefined;
  /** The engine's measurements, for the gauges. */
  readonly readings: EngineReadings;
  /** The reason of a failure, for the log. Its paths are not shown to clients. */
  readonly failure: string | undefined;
  fingerprints(): Fingerprints;
  /** Model tokens generated so far. */
  readonly tokens: number;
  /** Number of completed loads, and the duration of the last one. */
  readonly loads: { readonly count: number; readonly lastMs: number };
  readonly starts: number;
  readonly deaths: number;
  /** Limits the engine's threads; undefined removes the limit. */
  limitThreads(most: number | undefined): void;
  /** Reports the progress of preparing its file. */
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
  /** Ends every job. */
  abort(): void;
  /** Stops the engine; resolves when it has exited. */
  stop(): Promise<void>;
  /** Called last: clears all timers. */
  close(): void;
}
