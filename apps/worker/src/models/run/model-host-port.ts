// Owns a model's host as the pool, the routes and the report see it.
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
  /** Of now, or the last one. */
  readonly engine: EngineHost | undefined;
  /** As the last engine that was ready reported. */
  readonly info: BackendInfo | undefined;
  /** As the engine reported last; empty before its first report. Job ids are the engine's. */
  readonly slots: readonly SlotStatus[];
  /** Memory of the engine's process in bytes, from its last report; undefined without a process. */
  readonly residentBytes: number | undefined;
  /** What its engine has measured of itself, for the gauges. */
  readonly readings: EngineReadings;
  /** The reason of a failure, for the log, with paths that are not shown to clients. */
  readonly failure: string | undefined;
  fingerprints(): Fingerprints;
  /** Model tokens generated so far. */
  readonly tokens: number;
  /** Engines that have loaded it, and how long the last one took. */
  readonly loads: { readonly count: number; readonly lastMs: number };
  readonly starts: number;
  readonly deaths: number;
  /** Limits the engine's threads; undefined removes the limit. */
  limitThreads(most: number | undefined): void;
  /** Reports the progress of preparing its file. */
  downloading(progress: number, doneBytes?: number): void;
  /** The model is requested but may not load yet; an earlier failure is cleared. */
  wait(why: string): void;
  /** It is not needed any more. */
  giveWay(): void;
  /** Another file replaces the present one. */
  forget(): void;
  /** Begins to load. */
  load(): void;
  /** The model cannot be loaded: its waiting jobs end with this error. */
  fail(message: string): void;
  /** Runs no further job, and resolves when running jobs have ended and the engine is gone. Waiting jobs keep waiting. */
  unload(): Promise<void>;
  /** Refuses new jobs and ends those that wait. Idempotent. */
  refuse(): void;
  /** Ends every job. */
  abort(): void;
  /** The engine leaves; resolves when it is gone. */
  stop(): Promise<void>;
  /** After everything else: no timer is left. */
  close(): void;
}
