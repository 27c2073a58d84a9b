// Owns the composition of a worker: its models, its reports and the HTTP front. It starts no process and opens no socket, so tests and
// simulations run the same composition as the daemon.
import { deferred, inBackground } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import type { BackendInfo } from "@waggle/engine";
import { createFileDescriber } from "@waggle/chat-format/describe";
import { createApp, createClientAccounts, createSchemaCompiler } from "@waggle/front";
import type { App, ClientAccounts, Mcp, SchemaCompiler } from "@waggle/front";
import type { TokenTable } from "@waggle/daemon/tokens";
import { createJobRegistry, outcomeReason } from "@waggle/jobs";
import type { Calls, JobObserver, JobRegistry, Lane } from "@waggle/jobs";
import { isLane, workerOpenApi } from "@waggle/protocol";
import { takeRegularly } from "@waggle/telemetry";
import type { DayLog, LogRing, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "./config.ts";
import { createDescriptions } from "./models/list/descriptions.ts";
import type { Model } from "./models/list/model.ts";
import type { ModelHost } from "./models/run/model-host-port.ts";
import { createModels } from "./models/list/models.ts";
import type { Models, ModelsOptions } from "./models/list/models.ts";
import { createOperations, downloadsOf } from "./models/change/operations.ts";
import type { Gpu } from "@waggle/models/memory";
import { createHub } from "./models/change/hub.ts";
import type { LoadPlan } from "./models/memory/pool.ts";
import { createServed } from "./report/served.ts";
import type { Served } from "./report/served.ts";
import { createWorkerPages } from "./process/pages.ts";
import { createReport } from "./report/report.ts";
import type { Report } from "./report/report.ts";
import { createWorkerState } from "./report/worker-state.ts";
import type { WorkerFacts, WorkerState } from "./report/worker-state.ts";

/** Follows the jobs and models of a worker. */
export interface WorkerListener {
  readonly observe: JobObserver;
  /** A model became ready, or stopped being ready. */
  modelChanged(): void;
  /** Metrics are read: updates the listener's gauges. */
  collect(): void;
}

export interface WorkerOptions extends Pick<
  ModelsOptions,
  "given" | "budget" | "keepAliveMs" | "createEngine" | "prepare" | "onDownloadProgress"
> {
  readonly config: WorkerConfig;
  readonly log: Logger;
  readonly logLines: Pick<LogRing, "find">;
  readonly day?: DayLog | undefined;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  readonly listener?: WorkerListener | undefined;
  readonly schemas?: SchemaCompiler;
  readonly mcp?: Mcp | undefined;
  readonly lane?: Lane | undefined;
  readonly tokens: () => TokenTable;
  /** Begins to leave, as at SIGTERM. */
  readonly drain: () => void;
  /** URL at which clients reach the worker. Called only while the port is open. */
  readonly url: () => string;
  /**
   * Finds the memory needs of a model whose file is on disk, without loading it; undefined when the file cannot be used. By default models are
   * described only by their load.
   */
  readonly describe?: (host: ModelHost) => Promise<LoadPlan | undefined>;
  /** A job of a model began. A model that cannot be loaded is not reported. @param file path of its file */
  readonly onUsed?: (file: string) => void;
  /** An engine has loaded a model, for the first time or again. */
  readonly onReady: (info: BackendInfo) => void;
}

export interface Worker {
  readonly state: WorkerState;
  readonly accounts: ClientAccounts;
  readonly models: Models;
  readonly registry: JobRegistry;
  readonly app: App;
  readonly report: Report;
  readonly served: Served;
  /** Resolves with the reason when the first load of the worker's only model has failed, or all models have stayed failed for a minute. */
  readonly failed: Promise<string>;
  /** Begins to load the pinned models, and the model that the worker was started for. */
  start(): void;
  /** Describes the models one after the other, so that a folder of many models delays no request. */
  describeModels(): Promise<void>;
  /** Refuses new jobs and ends waiting ones. */
  refuse(): void;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
  /** Number of jobs that had begun, and were refused while the worker left. */
  readonly cutJobs: number;
  abort(): void;
  /** Stops the engines, the downloads, and the threads that compile schemas and read model files. */
  stop(): Promise<void>;
  /** Called last: clears all timers. */
  close(): void;
}

/** Maximum number of prompts that wait to be rendered from the file of a model that is not loaded. Each prompt keeps a conversation in memory. */
const waitingPrompts = 8;

/** Time after which a worker whose models have all failed exits.Decision 120. */
export const failedExitMs = 60_000;

export function createWorker(options: WorkerOptions): Worker {
  const { config, log, metrics, clock, listener, schemas = createSchemaCompiler({ clock }) } = options;
  const state = createWorkerState();
  const accounts = createClientAccounts({ ...options, localMode: config.localMode });
  const registry = createJobRegistry({ ...config, clock, day: options.day });
  const failed = deferred<string>();
  const observers: readonly JobObserver[] = [
    accounts.observe,
    ({ spec }, { type }, name) => (type === "started" && !isLane(spec.when) ? noteUse(name) : undefined),
    (_, { type }) => (type === "accepted" || type === "started" ? sampleHistory() : undefined),
    ...(listener === undefined ? [] : [listener.observe]),
    (...seen) => models.router.observe(...seen),
    ({ state }, what) => {
      const isCut = what.type === "ended" && phase === "leaving" && outcomeReason(what.outcome) === "unavailable";
      if (isCut && (state.step.index > 0 || (state.startedAt ?? state.step.calledAt) !== undefined)) cutJobs += 1;
    },
  ];
  // The front comes after the models, whose jobs call it.
  const calls: Calls = {
    run: async (...asked) => await app.calls?.run(...asked),
    ended: (job) => app.calls?.ended(job),
  };
  const models = createModels({
    ...config,
    ...options,
    settings: config.modelSettings,
    limits: config,
    // If the user has set the number of threads, every engine gets this number.
    cores: config.modelSettings.threadsPinned ? Number.MAX_SAFE_INTEGER : config.maxThreads,
    registry,
    observers,
    ...(options.mcp === undefined ? {} : { calls }),
  });
  const describer = createFileDescriber();
  const renderer = createFileDescriber({ waiting: waitingPrompts });
  const descriptions = createDescriptions({ resolve: downloadsOf(config), describer, renderer, log });
  const report = createReport({
    config,
    models,
    descriptions,
    state,
    registry,
    metrics,
    clock,
    startedAt: clock.now(),
    url: options.url,
    day: options.day,
  });
  const served = createServed({
    models,
    descriptions,
    clock,
    threads: config.maxThreads,
    infoOf: report.infoOf,
  });
  const operations = createOperations({
    config,
    models,
    statusOf: served.statusOf,
    prepare: options.prepare,
    describe,
    log,
    now: () => clock.now(),
  });
  const app = createApp({
    schemas,
    mcp: options.mcp,
    lane: options.lane,
    allowedMediaHosts: config.allowedMediaHosts,
    access: { ...config, tokens: options.tokens },
    accounts,
    pages: createWorkerPages(),
    limits: config,
    clock,
    log,
    logLines: options.logLines,
    metrics,
    state,
    dispatcher: models.router,
    registry,
    models: served,
    control: operations.control,
    drain: options.drain,
    hub: createHub({ config, servedAs: operations.servedAs, now: () => clock.now(), gpu: () => gpuOf(models.hosts()) }),
    view: {
      ...report,
      history: report.history.since,
      openApi: () => workerOpenApi(config.version),
      collect(streams) {
        report.collect(metrics, streams);
        listener?.collect();
      },
    },
  });

  let historyTimer: TimerHandle | undefined;
  let phase: WorkerFacts["phase"] = "starting";
  let cutJobs = 0;
  /** The models that must load at the start; undefined until they begin to load. */
  let preloaded: readonly Model[] | undefined;
  /** Why the worker's only model failed for good. */
  let soleFailure: string | undefined;
  let stayingFailed: TimerHandle | undefined;

  /** The only model, if the worker must load it at the start. */
  function sole(): ModelHost | undefined {
    const [entry, ...others] = models.entries();
    return entry !== undefined && others.length === 0 && preloaded?.includes(entry) === true
      ? entry.current
      : undefined;
  }

  function noteUse(name: string): void {
    const path = models.hosts().find((host) => host.name === name)?.file.facts?.path;
    if (path !== undefined) options.onUsed?.(path);
  }

  /** Once the observed job has its place: in a slot if one is free. */
  function sampleHistory(): void {
    queueMicrotask(report.history.sample);
  }

  function updateState(): void {
    const awaited = preloaded?.filter((entry) => models.entries().includes(entry));
    const isAwaiting =
      awaited?.some(({ current }) => current.loads.count === 0 && current.failure?.isFinal !== true) ?? true;
    state.update({ phase, isAwaiting, sole: sole(), failure: soleFailure });
  }

  models.onState((host, to, from) => {
    metrics.stateTransitions.inc({ machine: "model", from, to });
    if (from === "ready" || to === "ready") listener?.modelChanged();
    const { failure, info, state: now } = host;
    // An engine that is restarted: the jobs in its slots continue on the next one.
    const continued = from === "ready" && to === "loading" ? { jobs: host.dispatcher.running } : {};
    log.info(
      { model: host.name, from, to, ...(now.reason === undefined ? {} : { reason: now.reason }), ...continued },
      "model_state",
    );
    const isSoleFailure = host === sole() && to === "failed" && failure?.isFinal === true;
    const isFatal = isSoleFailure && host.loads.count === 0;
    if (isSoleFailure) soleFailure ??= failure.shown;
    else if (host === sole() && to === "ready") soleFailure = undefined;
    // With a quiet log, the process prints a fatal failure when it exits.
    if (to === "failed" && !(isFatal && config.quietLog))
      log.error({ event: "model_failed", model: host.name, reason: failure?.message ?? now.reason }, "model_failed");
    updateState();
    if (to === "ready" && info !== undefined) options.onReady(info);
    if (isFatal) failed.resolve(failure.message);
    watchFailures(failure?.shown ?? "");
  });

  /** A supervisor restarts a process that has ended, and no process that has failed. A minute leaves time to read the log, or to load a model. */
  function watchFailures(why: string): void {
    const hasFailed = (): boolean => models.entries().every(({ current }) => current.state.name === "failed");
    if (stayingFailed !== undefined || !hasFailed()) return;
    stayingFailed = clock.setTimeout(() => {
      stayingFailed = undefined;
      // A request may have loaded the model again, with the same end: that changes nothing. The next failure begins the time anew.
      if (hasFailed())
        failed.resolve(
          `${why.replace(/\.?$/, ".")} No model has worked for ${failedExitMs / 1_000} s, so the worker exits.`,
        );
    }, failedExitMs);
  }

  state.onChange((to, from) => {
    metrics.stateTransitions.inc({ machine: "worker", from, to });
    log.info({ from, to, ...(state.reason === undefined ? {} : { reason: state.reason }) }, "worker_state");
  });

  function each<T>(what: (host: ModelHost) => T): T[] {
    return models.hosts().map(what);
  }

  async function describe(host: ModelHost): Promise<void> {
    const { source, facts } = host.file;
    if (source === "fake" || facts !== undefined || host.state.name !== "unloaded") return;
    const plan = await options.describe?.(host);
    if (plan !== undefined && models.pool.memoryOf(host) === undefined) models.pool.know(host, plan);
  }

  /** Pinned models, the model that was used last, and the default model unless it comes from the models folder or a download. */
  function isNeeded(entry: Model): boolean {
    return (
      entry.stay.pinned ||
      entry.isUsual ||
      (models.isDefault(entry) && entry.current.file.source !== "folder" && entry.current.file.source !== "download")
    );
  }

  return {
    state,
    accounts,
    models,
    registry,
    app,
    report,
    served,
    failed: failed.promise,
    start() {
      phase = "serving";
      updateState();
      preloaded = models.entries().filter(isNeeded);
      for (const { current } of preloaded) models.pool.loadNow(current);
      updateState();
      historyTimer = takeRegularly(clock, () => inBackground("take the history", report.history.take()));
    },
    async describeModels() {
      for (const { current } of [...models.entries()]) await describe(current);
    },
    refuse() {
      if (state.name === "failed") return;
      phase = "leaving";
      updateState();
      models.pool.close();
      each((host) => host.refuse());
    },
    async idle() {
      await Promise.all(each(({ dispatcher }) => dispatcher.idle()));
    },
    get cutJobs() {
      return cutJobs;
    },
    abort() {
      models.pool.close();
      each((host) => host.abort());
    },
    async stop() {
      await app.calls?.stop();
      const threads = [schemas, describer, renderer].map((thread) => thread.close());
      await Promise.all([...each((host) => host.stop()), operations.pulls.stop(), ...threads]);
    },
    close() {
      historyTimer?.cancel();
      stayingFailed?.cancel();
      each((host) => host.close());
      registry.clear();
      phase = "stopped";
      updateState();
    },
  };
}

/** The GPU of the running engines, as the last reading of its memory says. */
function gpuOf(hosts: readonly ModelHost[]): Gpu | undefined {
  const gpu = hosts.flatMap(({ readings }) => readings.gpu ?? [])[0];
  return gpu === undefined ? undefined : { name: gpu.name, freeBytes: gpu.totalBytes - gpu.usedBytes };
}
