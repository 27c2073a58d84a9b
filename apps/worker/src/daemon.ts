// Owns the whole: it builds the parts of a worker, connects them, and takes them down again so that nothing is left.
import { basename } from "node:path";
import { createHiveClient } from "@waggle/client";
import type { Clock } from "@waggle/async";
import type { EngineEvent, StepStats } from "@waggle/engine";
import { WaggleError, exitCodes, workerOpenApi } from "@waggle/protocol";
import type { LoadingEvent, SlotStatus, StdoutLine } from "@waggle/protocol";
import { createAdmissionQueue, createSessionRegistry } from "@waggle/queue";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "./config.ts";
import { createDownloadProgress } from "./download-progress.ts";
import { embeddedModelPath } from "./embedded-model.ts";
import { engineStartOf } from "./engine/engine-start.ts";
import { choosePrefixFolder } from "./engine/prefix-folder.ts";
import { createSupervisor } from "./engine/supervisor.ts";
import type { DeathReason } from "./engine/supervisor.ts";
import { startReporter } from "./hive/reporter.ts";
import type { Reporter } from "./hive/reporter.ts";
import { createApp } from "./http/app.ts";
import { listen } from "./http/server.ts";
import type { TokenTable } from "./http/tokens.ts";
import { createDispatcher } from "./jobs/dispatcher.ts";
import type { Job } from "./jobs/job.ts";
import { createLifecycle } from "./jobs/lifecycle.ts";
import { createJobRegistry } from "./jobs/registry.ts";
import { createLatest } from "./latest.ts";
import { createReport } from "./report.ts";
import { createWorkerState } from "./worker-state.ts";

/** How long ended streams may take to reach their readers when the worker leaves. */
const flushTimeoutMs = 1_000;
/** How soon a refused client may ask again: while leaving, and while there is hope that an engine comes back. */
const retryAfterS = 5;

export interface DaemonOptions {
  readonly config: WorkerConfig;
  /** What the engine process inherits. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  readonly tokens: () => TokenTable;
  /** Where a person watches; undefined when nobody does. */
  readonly terminal: { write(text: string): unknown } | undefined;
  /** Writes one machine-readable line. */
  readonly print: (line: StdoutLine) => void;
}

export interface Daemon {
  readonly url: string;
  /** Resolves with the exit code once everything is down. */
  readonly stopped: Promise<number>;
  /** Finish what runs, refuse what waits; then stop. The time running out aborts. */
  drain(abortCode: number): void;
  /** End everything now. */
  abort(code: number): void;
}

/** Opens the port, then loads the model. @throws PortTakenError, or whatever else kept the port from opening */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { config, log, metrics, clock, print } = options;
  const state = createWorkerState();
  const loading = createLatest<LoadingEvent>({ type: "loading", stage: "loading", progress: 0 });
  const startedAt = clock.now();
  const modelPath = config.model ?? embeddedModelPath();
  let modelName = config.modelRef ?? (config.backend === "fake" ? "waggle-fake" : basename(modelPath, ".gguf"));
  let slots: readonly SlotStatus[] = [];
  let announced = false;
  let leaving: Promise<void> | undefined;
  let abortNow: (() => void) | undefined;
  let code: number = exitCodes.ok;

  const registry = createJobRegistry({
    clock,
    replayWindowMs: config.replayWindowMs,
    replayTotalBytes: config.replayTotalBytes,
    endedJobsKept: config.endedJobsKept,
  });
  const download = createDownloadProgress({ model: modelPath, log, terminal: options.terminal });
  const lifecycle = createLifecycle({ log, metrics, model: () => modelName });
  const prefixFolder =
    config.backend === "fake"
      ? undefined
      : choosePrefixFolder({ folder: config.prefixStoreDir, maxBytes: config.prefixStoreBytes });
  const supervisor = createSupervisor({
    start: engineStartOf(
      config,
      modelPath,
      prefixFolder === undefined ? undefined : { folder: prefixFolder.path, maxBytes: prefixFolder.maxBytes },
    ),
    env: options.env,
    clock,
    log,
    watchdogTimeoutMs: config.watchdogTimeoutMs,
    crashLoopDeaths: config.crashLoopDeaths,
    loadTimeoutMs: config.loadTimeoutMs,
    busy: () => dispatcher.running > 0,
    onStart: () => metrics.engineStarts.inc(),
    onEvent(event) {
      if (event.type === "loading") {
        loading.set({ type: "loading", stage: event.stage, progress: event.progress });
        if (event.stage === "downloading") download.show(event.progress);
      }
      if (event.type === "step") {
        slots = event.slots;
        if (event.stats !== undefined) recordStep(metrics, event.stats);
      }
      if (event.type === "prefix_store") recordTransfer(metrics, event);
      if (event.type === "process_stats") {
        metrics.engineEventLoopUtilization.set(event.eventLoopUtilization);
        metrics.engineRssBytes.set(event.rssBytes);
      }
      dispatcher.onEngineEvent(event);
    },
    onReady(info, loadMs) {
      if (config.modelRef === undefined) modelName = info.modelName;
      log.info(
        { model: modelName, load_ms: Math.round(loadMs), context_size: info.contextSize, slots: info.slots },
        "model_ready",
      );
      state.apply("loaded");
      loading.set({ type: "ready", model: modelName });
      const enginePid = supervisor.pid;
      if (!announced) {
        const pids = enginePid === undefined ? {} : { engine_pid: enginePid };
        print({
          type: "ready",
          url: server.url,
          pid: process.pid,
          ...pids,
          model: modelName,
          backend: info.backend,
          load_ms: loadMs,
        });
      }
      announced = true;
      dispatcher.onEngineReady();
    },
    onDeath(reason: DeathReason) {
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
      if (firstLoad) leave(exitCodes.modelCannotBeLoaded, 0);
    },
  });
  const dispatcher = createDispatcher({
    queue: createAdmissionQueue<Job>({
      capacity: config.queueCapacity,
      clientShare: config.clientQueueShare,
      now: () => clock.now(),
    }),
    registry,
    sessions: createSessionRegistry(),
    engine: {
      get ready() {
        return supervisor.ready && state.name === "ready";
      },
      get slots() {
        return supervisor.info?.slots ?? config.slots;
      },
      send: (command) => supervisor.send(command),
    },
    lifecycle,
    clock,
    limits: config,
    model: () => modelName,
  });
  const report = createReport({
    config,
    state,
    dispatcher,
    supervisor,
    loading,
    clock,
    startedAt,
    url: () => config.advertiseUrl ?? server.url,
    model: () => modelName,
    slots: () => slots,
    tokens: () => lifecycle.tokens,
  });
  const app = createApp({
    access: { ...config, tokens: options.tokens },
    limits: config,
    clock,
    log,
    metrics,
    state,
    dispatcher,
    registry,
    loading,
    view: {
      ...report,
      openApi: () => workerOpenApi(config.version),
      collect: () => report.collect(metrics, registry, app.streams),
    },
  });

  state.onChange((name, was) => {
    metrics.stateTransitions.inc({ machine: "worker", from: was, to: name });
    log.info({ from: was, to: name, ...(state.reason === undefined ? {} : { reason: state.reason }) }, "worker_state");
    reporter?.changed();
  });

  let reporter: Reporter | undefined;
  const server = await listen(app, config.host, config.port, config);
  print({ type: "listening", url: server.url, pid: process.pid });
  log.info(
    { url: server.url, version: config.version, backend: config.backend, local_mode: config.localMode },
    "listening",
  );
  if (config.backend === "fake") log.warn("The backend is fake: there is no model, and every answer is canned.");
  state.apply("listening", "the model is loading");
  supervisor.start();
  if (config.hiveUrl !== undefined) {
    reporter = startReporter({
      hive: createHiveClient({ baseUrl: config.hiveUrl, requestTimeoutMs: config.hiveTimeoutMs }),
      workerId: config.workerId,
      intervalMs: config.heartbeatIntervalMs,
      log,
      registration: report.registration,
      heartbeat: report.heartbeat,
      onHeartbeat: (outcome) => metrics.heartbeats.inc({ outcome }),
    });
  }

  let stopped: (code: number) => void;
  const whenStopped = new Promise<number>((resolve) => (stopped = resolve));

  /** Once only: whoever asks first decides how; `abort` can still cut it short. */
  function leave(exitCode: number, drainMs: number, abortCode = exitCode): void {
    if (leaving !== undefined) return;
    code = exitCode;
    leaving = takeDown(drainMs, abortCode);
    void leaving.then(() => stopped(code));
  }

  async function takeDown(drainMs: number, abortCode: number): Promise<void> {
    if (state.name !== "failed") state.apply("drain", "the worker is leaving");
    const refusal = new WaggleError("unavailable", "Cannot run the job: the worker is leaving.", { retryAfterS });
    if (code !== exitCodes.modelCannotBeLoaded) dispatcher.refuse(refusal);
    const inTime = drainMs > 0 && (await before(dispatcher.idle(), drainMs));
    if (!inTime && dispatcher.running > 0) {
      code = abortCode;
      log.warn({ running: dispatcher.running }, "drain_aborted");
    }
    dispatcher.abort(new WaggleError("unavailable", "The job was aborted: the worker is leaving."));
    // Whoever still watches the model load is told, and its stream ends like all others.
    if (loading.value.type === "loading") loading.set({ type: "failed", message: "The worker is leaving." });
    await Promise.all([reporter?.leave(), supervisor.stop(), flushed()]);
    prefixFolder?.close();
    await server.close();
    dispatcher.stop();
    state.apply("stopped");
  }

  /** Whether it was over before the time was, or the abort came. */
  function before(work: Promise<void>, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => resolve(false), ms);
      abortNow = () => resolve(false);
      void work.then(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }

  /** What has ended still has to reach its reader: streams, and answers that were collected. */
  async function flushed(): Promise<void> {
    server.stopAccepting();
    await before(server.answered(), flushTimeoutMs);
  }

  return {
    url: server.url,
    stopped: whenStopped,
    drain: (abortCode) => leave(exitCodes.ok, config.drainTimeoutMs, abortCode),
    abort(abortCode) {
      if (leaving === undefined) leave(abortCode, 0);
      else abortNow?.();
    },
  };
}

function recordStep(metrics: WorkerMetrics, stats: StepStats): void {
  metrics.steps.inc();
  metrics.batchWidth.observe(stats.width);
  metrics.stepSeconds.observe(stats.passMs / 1000);
  metrics.stepGapSeconds.observe(stats.gapMs / 1000);
  metrics.contextShifts.inc(stats.shifts);
  metrics.threads.set(stats.threads);
}

function recordTransfer(metrics: WorkerMetrics, event: Extract<EngineEvent, { type: "prefix_store" }>): void {
  metrics.prefixTransfers.inc({ operation: event.operation });
  metrics.prefixTransferSeconds.observe(event.ms / 1000);
  metrics.prefixStates.set(event.states);
  metrics.prefixBytes.set(event.bytes);
}
