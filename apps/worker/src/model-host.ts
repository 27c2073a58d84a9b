// Owns all that is one model's: its engine, its queue and jobs, its state, name and prefix folder, and what they measure.
// It knows no HTTP and no hive; a worker may have several.
import { basename } from "node:path";
import { createConflatedChannel } from "@waggle/async";
import type { Clock, ConflatedChannel } from "@waggle/async";
import type { BackendInfo, EngineEvent } from "@waggle/engine";
import { createDispatcher, createJobRegistry, createLifecycle } from "@waggle/jobs";
import type { Dispatcher, Fingerprints, Job, JobLimits, JobObserver, JobRegistry } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { LoadingEvent, SlotStatus } from "@waggle/protocol";
import { createAdmissionQueue, createSessionRegistry } from "@waggle/queue";
import type { AdmissionQueue, SessionRegistry } from "@waggle/queue";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { EngineHost, EngineHostEvents } from "./engine/engine-host.ts";
import { recordEngineEvent } from "./engine/engine-metrics.ts";
import { createModelHash } from "./model-hash.ts";
import { createWorkerState } from "./worker-state.ts";
import type { WorkerState } from "./worker-state.ts";

/** How soon a refused client may ask again: while leaving, and while there is hope that an engine comes back. */
const retryAfterS = 5;

export interface ModelHostOptions {
  /** The file, or where it comes from, as it may be shown: without credentials. */
  readonly modelPath: string;
  /** The name that the model is served under; undefined: its own, once it is loaded. */
  readonly modelRef: string | undefined;
  /** Until the engine says. */
  readonly slots: number;
  readonly queueCapacity: number;
  readonly clientQueueShare: number;
  readonly limits: JobLimits;
  /** Where models lie, and what is known of them. */
  readonly modelsFolder: string;
  /** Of ended jobs: how long, how many, and how many bytes of their logs together. */
  readonly replayWindowMs: number;
  readonly endedJobsKept: number;
  readonly replayTotalBytes: number;
  readonly createEngine: (events: EngineHostEvents) => EngineHost;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  /** They follow the jobs of every model. */
  readonly observers: readonly JobObserver[];
  readonly onDownloadProgress: (progress: number, doneBytes: number | undefined) => void;
  /** The model can be used, for the first time or again. */
  readonly onReady: (info: BackendInfo, loadMs: number) => void;
  /** No engine will come: the first load failed, or a crash loop. */
  readonly onGaveUp: (firstLoad: boolean) => void;
}

export interface ModelHost {
  readonly name: string;
  readonly state: WorkerState;
  readonly loading: ConflatedChannel<LoadingEvent>;
  readonly dispatcher: Dispatcher;
  readonly registry: JobRegistry;
  readonly queue: AdmissionQueue<Job>;
  readonly sessions: SessionRegistry;
  readonly engine: EngineHost;
  /** As the engine told last; empty before it told anything. Job ids are the engine's own. */
  readonly slots: readonly SlotStatus[];
  fingerprints(): Fingerprints;
  /** Model tokens generated so far. */
  readonly tokens: number;
  /** Begins to load. */
  start(): void;
  /** Refuses new jobs and ends those that wait. Idempotent. */
  refuse(): void;
  /** Ends every job. */
  abort(): void;
  /** The engine leaves; resolves when it is gone. */
  stop(): Promise<void>;
  /** After everything else: no timer is left. */
  close(): void;
}

export function createModelHost(options: ModelHostOptions): ModelHost {
  const { modelRef, log, metrics, clock } = options;
  const state = createWorkerState();
  const loading = createConflatedChannel<LoadingEvent>({ type: "loading", stage: "loading", progress: 0 });
  let name = modelRef ?? basename(options.modelPath, ".gguf");
  let slots: readonly SlotStatus[] = [];
  const registry = createJobRegistry({ ...options });
  const sessions = createSessionRegistry();
  const queue = createAdmissionQueue<Job>({
    capacity: options.queueCapacity,
    clientShare: options.clientQueueShare,
    now: () => clock.now(),
  });
  const lifecycle = createLifecycle({ log, metrics, model: () => name, observers: options.observers });
  const engine = options.createEngine({
    busy: () => dispatcher.running > 0,
    onStart: () => metrics.engineStarts.inc(),
    onEvent,
    onReady,
    onDeath(reason) {
      metrics.engineDeaths.inc({ reason });
      slots = [];
    },
    onLost(_reason, message) {
      state.apply("engine_lost", `the engine is restarting: ${message}`);
      loading.set({ type: "loading", stage: "loading", progress: 0 });
      dispatcher.onEngineLost(new WaggleError("engine_failed", message));
    },
    onGaveUp(message, firstLoad) {
      state.apply("gave_up", message);
      loading.set({ type: "failed", message });
      dispatcher.refuse(new WaggleError("unavailable", message, { retryAfterS }));
      options.onGaveUp(firstLoad);
    },
  });
  const dispatcher = createDispatcher({
    queue,
    registry,
    sessions,
    engine: {
      get ready() {
        return engine.ready && state.name === "ready";
      },
      get slots() {
        return engine.info?.slots ?? options.slots;
      },
      send: (command) => engine.send(command),
    },
    lifecycle,
    clock,
    limits: options.limits,
    model: () => name,
    fingerprints,
  });
  const modelHash = createModelHash({ folder: options.modelsFolder, idle: () => dispatcher.idle(), log });

  function fingerprints(): Fingerprints {
    return { modelSha256: modelHash.sha256, templateSha256: engine.info?.templateSha256 };
  }

  function onEvent(event: EngineEvent): void {
    if (event.type === "loading") {
      loading.set({ type: "loading", stage: event.stage, progress: event.progress });
      if (event.stage === "downloading") options.onDownloadProgress(event.progress, event.doneBytes);
    }
    if (event.type === "step") slots = event.slots ?? slots;
    recordEngineEvent(metrics, event);
    dispatcher.onEngineEvent(event);
  }

  function onReady(info: BackendInfo, loadMs: number): void {
    if (modelRef === undefined) name = info.modelName;
    const facts = { model: name, load_ms: Math.round(loadMs), context_size: info.contextSize, slots: info.slots };
    log.info(facts, "model_ready");
    state.apply("loaded");
    loading.set({ type: "ready", model: name });
    modelHash.follow(info.modelPath);
    options.onReady(info, loadMs);
    dispatcher.onEngineReady();
  }

  state.onChange((to, from) => {
    metrics.stateTransitions.inc({ machine: "worker", from, to });
    log.info({ from, to, ...(state.reason === undefined ? {} : { reason: state.reason }) }, "worker_state");
  });

  return {
    get name() {
      return name;
    },
    state,
    loading,
    dispatcher,
    registry,
    queue,
    sessions,
    engine,
    fingerprints,
    get slots() {
      return slots;
    },
    get tokens() {
      return lifecycle.tokens;
    },
    start() {
      state.apply("listening", "the model is loading");
      engine.start();
    },
    refuse() {
      // Who gave up has told everybody why, and that says more.
      if (state.name === "failed") return;
      state.apply("drain", "the worker is leaving");
      dispatcher.refuse(new WaggleError("unavailable", "Cannot run the job: the worker is leaving.", { retryAfterS }));
    },
    abort() {
      dispatcher.abort(new WaggleError("unavailable", "The job was aborted: the worker is leaving."));
      // Whoever still watches the model load is told, and its stream ends like all others.
      if (loading.value.type === "loading") loading.set({ type: "failed", message: "The worker is leaving." });
    },
    async stop() {
      await Promise.all([modelHash.stop(), engine.stop()]);
    },
    close() {
      dispatcher.stop();
      state.apply("stopped");
    },
  };
}
