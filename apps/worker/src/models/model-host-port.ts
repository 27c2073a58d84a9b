// Owns what a model's host does and tells, as the pool, the routes and the report see it.
import type { ConflatedChannel } from "@waggle/async";
import type { BackendInfo } from "@waggle/engine";
import type { Dispatcher, Fingerprints, Job, JobRegistry } from "@waggle/jobs";
import type { LoadingEvent, SlotStatus } from "@waggle/protocol";
import type { AdmissionQueue, SessionRegistry } from "@waggle/queue";
import type { EngineHost } from "../engine/engine-host.ts";
import type { EngineReadings } from "../engine/engine-metrics.ts";
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
  /** As the engine that was ready last told. */
  readonly info: BackendInfo | undefined;
  /** As the engine told last; empty before it told anything. Job ids are the engine's own. */
  readonly slots: readonly SlotStatus[];
  /** Of the engine's process, in bytes, as it told last; undefined without one. */
  readonly residentBytes: number | undefined;
  /** What its engine has measured of itself, for the gauges. */
  readonly readings: EngineReadings;
  /** Why it is failed, for the log: with the paths that clients do not read. */
  readonly failure: string | undefined;
  fingerprints(): Fingerprints;
  /** Model tokens generated so far. */
  readonly tokens: number;
  /** Engines that have loaded it, and how long the last one took. */
  readonly loads: { readonly count: number; readonly lastMs: number };
  readonly starts: number;
  readonly deaths: number;
  /** Its engine computes with so many threads at most; undefined: with as many as it likes. */
  limitThreads(most: number | undefined): void;
  /** Tells how far its file has come. */
  downloading(progress: number, doneBytes?: number): void;
  /** Somebody needs it, and it may not load yet; what it was refused with is over. */
  wait(why: string): void;
  /** Nobody needs it any more. */
  giveWay(): void;
  /** Another file takes the place of the one that it had. */
  forget(): void;
  /** Begins to load. */
  load(): void;
  /** It cannot be loaded: what waits for it ends with this. */
  fail(message: string): void;
  /** Runs no further job, and resolves when those that run have ended and the engine is gone. What waits goes on waiting. */
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
