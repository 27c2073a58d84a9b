// Owns the composition of a worker: its models, its reports and the HTTP front. It starts no process and opens no socket, so tests and
// simulations run the same composition as the daemon.
import { deferred } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { createFileDescriber } from "@waggle/chat-format/describe";
import { createApp, createClientAccounts, createSchemaCompiler } from "@waggle/front";
import type { App, ClientAccounts } from "@waggle/front";
import type { TokenTable } from "@waggle/daemon/tokens";
import { createJobRegistry } from "@waggle/jobs";
import type { JobObserver, JobRegistry } from "@waggle/jobs";
import { workerOpenApi } from "@waggle/protocol";
import type { ModelStateName } from "@waggle/protocol";
import type { LogRing, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { Traces } from "@waggle/daemon/traces";
import type { WorkerConfig } from "./config.ts";
import { createDescriptions } from "./models/list/descriptions.ts";
import type { HostedFile, ModelEntry } from "./models/list/model-entry.ts";
import type { ModelHost } from "./models/run/model-host-port.ts";
import { createModels } from "./models/list/models.ts";
import type { Models, ModelsOptions } from "./models/list/models.ts";
import { createOperations, downloadsOf } from "./models/change/operations.ts";
import type { LoadPlan } from "./models/memory/pool.ts";
import { createServed } from "./report/served.ts";
import type { Served } from "./report/served.ts";
import { createWorkerPages } from "./process/pages.ts";
import { createReport } from "./report/report.ts";
import type { Report } from "./report/report.ts";
import { createWorkerState } from "./report/worker-state.ts";
import type { WorkerState } from "./report/worker-state.ts";

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
  "specs" | "budget" | "keepAliveMs" | "createEngine" | "prepare" | "onDownloadProgress" | "onReady"
> {
  readonly config: WorkerConfig;
  readonly log: Logger;
  readonly logLines: Pick<LogRing, "last">;
  readonly metrics: WorkerMetrics;
  readonly traces?: Traces | undefined;
  readonly clock: Clock;
  readonly listener?: WorkerListener | undefined;
  readonly tokens: () => TokenTable;
  /** URL at which clients reach the worker. Called only while the port is open. */
  readonly url: () => string;
  /**
   * Finds the memory needs of a model whose file is on disk, without loading it; undefined when the file cannot be used. By default models are
   * described only by their load.
   */
  readonly describe?: (hosted: HostedFile) => Promise<LoadPlan | undefined>;
}

export interface Worker {
  readonly state: WorkerState;
  readonly accounts: ClientAccounts;
  readonly models: Models;
  readonly registry: JobRegistry;
  readonly app: App;
  readonly report: Report;
  readonly served: Served;
  /** Resolves with the reason when the first load of the worker's only model has failed. */
  readonly firstLoadFailed: Promise<string>;
  /** Begins to load the pinned models, and the model that the worker was started for. */
  start(): void;
  /** Describes the models one after the other, so that a folder of many models delays no request. */
  describeModels(): Promise<void>;
  /** Refuses new jobs and ends waiting ones. */
  refuse(): void;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
  abort(): void;
  /** Stops the engines, the downloads, and the threads that compile schemas and read model files. */
  stop(): Promise<void>;
  /** Called last: clears all timers. */
  close(): void;
}

/** Maximum number of prompts that wait to be rendered from the file of a model that is not loaded. Each prompt keeps a conversation in memory. */
const waitingPrompts = 8;

export function createWorker(options: WorkerOptions): Worker {
  const { config, log, metrics, clock, traces, listener } = options;
  const state = createWorkerState();
  const accounts = createClientAccounts({ ...options, localMode: config.localMode });
  const registry = createJobRegistry({ ...config, clock });
  /** The worker becomes ready when each of these models has loaded or failed. */
  const awaited = new Set<ModelHost>();
  let preloaded: readonly ModelEntry[] = [];
  const firstLoadFailed = deferred<string>();
  const observers = [
    accounts.observe,
    ...(traces === undefined ? [] : [traces.observe]),
    ...(listener === undefined ? [] : [listener.observe]),
  ];
  const models = createModels({
    ...config,
    ...options,
    settings: config.modelSettings,
    limits: config,
    // If the user has set the number of threads, every engine gets this number.
    cores: config.modelSettings.threadsPinned ? Number.MAX_SAFE_INTEGER : config.maxThreads,
    registry,
    observers,
    onGaveUp,
    onState,
  });
  const describer = createFileDescriber({ clock });
  const renderer = createFileDescriber({ clock, limits: { waiting: waitingPrompts } });
  const descriptions = createDescriptions({ resolve: downloadsOf(config), describer, renderer, log });
  const report = createReport({
    config,
    models,
    descriptions,
    state,
    registry,
    accounts,
    metrics,
    clock,
    startedAt: clock.now(),
    url: options.url,
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
    served,
    prepare: options.prepare,
    describe,
    log,
    now: () => clock.now(),
  });
  const schemas = createSchemaCompiler({ clock });
  const app = createApp({
    schemas,
    access: { ...config, tokens: options.tokens },
    accounts,
    pages: createWorkerPages(),
    limits: config,
    clock,
    log,
    logLines: options.logLines,
    metrics,
    traces,
    state,
    dispatcher: models.router,
    registry,
    models: served,
    control: operations.control,
    view: {
      ...report,
      openApi: () => workerOpenApi(config.version),
      collect(streams) {
        report.collect(metrics, streams);
        listener?.collect();
      },
    },
  });

  /** Whether the worker has only this model and must load it at the start. The worker's state then follows the model's. */
  function isAll(host: ModelHost): boolean {
    const { main } = models;
    return models.entries().length === 1 && main?.current.host === host && preloaded.includes(main);
  }

  /** Whether the process prints this host's failure when it exits, so that the log must not repeat the failure. */
  function isLastLine(host: ModelHost): boolean {
    return config.quietLog && host.loads.count === 0 && isAll(host);
  }

  function onState(host: ModelHost, to: ModelStateName, from: ModelStateName): void {
    metrics.stateTransitions.inc({ machine: "model", from, to });
    if (from === "ready" || to === "ready") listener?.modelChanged();
    const { reason } = host.state;
    log.info({ model: host.name, from, to, ...(reason === undefined ? {} : { reason }) }, "model_state");
    if (to === "failed" && !isLastLine(host))
      log.error({ event: "model_failed", model: host.name, reason: host.failure ?? reason }, "model_failed");
    if (state.name === "starting") return;
    if (to === "ready") {
      awaited.delete(host);
      if (awaited.size === 0 && state.name === "loading") state.apply("loaded");
    } else if (from === "ready" && to === "loading" && isAll(host)) {
      state.apply("engine_lost", reason);
    }
  }

  function onGaveUp(host: ModelHost, never: boolean): void {
    if (isAll(host)) {
      state.apply("gave_up", host.state.reason);
      if (never) firstLoadFailed.resolve(host.failure ?? "the model cannot be loaded");
    } else if (awaited.delete(host) && awaited.size === 0 && state.name === "loading") {
      // The other models work, and this model's status has the reason of its failure.
      state.apply("loaded");
    }
  }

  state.onChange((to, from) => {
    metrics.stateTransitions.inc({ machine: "worker", from, to });
    log.info({ from, to, ...(state.reason === undefined ? {} : { reason: state.reason }) }, "worker_state");
  });

  function each<T>(what: (host: ModelHost) => T): T[] {
    return models.hosts().map(what);
  }

  async function describe(hosted: HostedFile): Promise<void> {
    const { host, source } = hosted;
    if (source === "fake" || hosted.facts !== undefined || host.state.name !== "unloaded") return;
    const plan = await options.describe?.(hosted);
    if (plan !== undefined && models.pool.memoryOf(host) === undefined) models.pool.know(host, plan);
  }

  /** Pinned models, and the default model unless it comes from the models folder or a download. */
  function isNeeded(entry: ModelEntry): boolean {
    return (
      entry.pinned ||
      (models.isDefault(entry) && entry.current.source !== "folder" && entry.current.source !== "download")
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
    firstLoadFailed: firstLoadFailed.promise,
    start() {
      preloaded = models.entries().filter(isNeeded);
      for (const { current } of preloaded) awaited.add(current.host);
      state.apply("listening", "the model is loading");
      for (const { current } of preloaded) models.pool.loadNow(current.host);
      if (awaited.size === 0 && state.name === "loading") state.apply("loaded");
    },
    async describeModels() {
      for (const { current } of [...models.entries()]) await describe(current);
    },
    refuse() {
      if (state.name === "failed") return;
      state.apply("drain", "the worker is leaving");
      models.pool.close();
      each((host) => host.refuse());
    },
    async idle() {
      await Promise.all(each(({ dispatcher }) => dispatcher.idle()));
    },
    abort() {
      models.pool.close();
      each((host) => host.abort());
    },
    async stop() {
      const threads = [schemas, describer, renderer].map((thread) => thread.close());
      await Promise.all([...each((host) => host.stop()), operations.pulls.stop(), ...threads]);
    },
    close() {
      each((host) => host.close());
      registry.clear();
      state.apply("stopped");
    },
  };
}
