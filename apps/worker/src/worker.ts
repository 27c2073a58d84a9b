// Owns the composition of a worker: its models, its reports and the HTTP front. It starts no process and opens no socket, so tests and
// simulations run the same composition as the daemon.
import type { Clock } from "@waggle/async";
import { createFileDescriber } from "@waggle/chat-format/describe";
import { createApp, createClientAccounts, createSchemaCompiler } from "@waggle/front";
import type { App, ClientAccounts, ModelControl } from "@waggle/front";
import type { TokenTable } from "@waggle/daemon/tokens";
import { createJobRegistry } from "@waggle/jobs";
import type { JobObserver, JobRegistry } from "@waggle/jobs";
import { workerOpenApi } from "@waggle/protocol";
import type { ModelStateName } from "@waggle/protocol";
import type { LogRing, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { Traces } from "@waggle/daemon/traces";
import type { WorkerConfig } from "./config.ts";
import { createDescriptions } from "./models/list/descriptions.ts";
import type { ModelEntry } from "./models/list/model-entry.ts";
import type { ModelHost } from "./models/run/model-host-port.ts";
import { createModels } from "./models/list/models.ts";
import type { Models, ModelsOptions } from "./models/list/models.ts";
import { downloadsOf } from "./models/change/operations.ts";
import { createServed } from "./report/served.ts";
import type { Served } from "./report/served.ts";
import { createWorkerPages } from "./process/pages.ts";
import { createReport } from "./report/report.ts";
import type { Report } from "./report/report.ts";
import { createWorkerState } from "./report/worker-state.ts";
import type { WorkerState } from "./report/worker-state.ts";

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
  readonly observers?: readonly JobObserver[] | undefined;
  readonly onCollect?: (() => void) | undefined;
  readonly tokens: () => TokenTable;
  /** URL at which clients reach the worker. Called only while the port is open. */
  readonly url: () => string;
  readonly onModelState?: (() => void) | undefined;
  /** Called when the first load of the worker's only model fails. */
  readonly onFirstLoadFailed: (why: string) => void;
  readonly createControl: (models: Models, served: Served) => ModelControl;
}

export interface Worker {
  readonly state: WorkerState;
  readonly accounts: ClientAccounts;
  readonly models: Models;
  readonly registry: JobRegistry;
  readonly app: App;
  readonly report: Report;
  readonly served: Served;
  /** Begins to load the pinned models, and the model that the worker was started for. */
  start(): void;
  /** Refuses new jobs and ends waiting ones. */
  refuse(): void;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
  abort(): void;
  /** Stops the engines, and the threads that compile schemas and read model files. */
  stop(): Promise<void>;
  /** Called last: clears all timers. */
  close(): void;
}

/** Maximum number of prompts that wait to be rendered from the file of a model that is not loaded. Each prompt keeps a conversation in memory. */
const waitingPrompts = 8;

export function createWorker(options: WorkerOptions): Worker {
  const { config, log, metrics, clock } = options;
  const state = createWorkerState();
  const accounts = createClientAccounts({ ...options, localMode: config.localMode });
  const registry = createJobRegistry({ ...config, clock });
  /** The worker becomes ready when each of these models has loaded or failed. */
  const awaited = new Set<ModelHost>();
  const models = createModels({
    ...config,
    ...options,
    settings: config.modelSettings,
    limits: config,
    // If the user has set the number of threads, every engine gets this number.
    cores: config.modelSettings.threadsPinned ? Number.MAX_SAFE_INTEGER : config.maxThreads,
    registry,
    observers: [
      accounts.observe,
      ...(options.traces === undefined ? [] : [options.traces.observe]),
      ...(options.observers ?? []),
    ],
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
    traces: options.traces,
    state,
    dispatcher: models.router,
    registry,
    models: served,
    control: options.createControl(models, served),
    view: {
      ...report,
      openApi: () => workerOpenApi(config.version),
      collect() {
        report.collect(metrics, app.streams);
        options.onCollect?.();
      },
    },
  });

  /** Whether the worker has only this model and must load it at the start. The worker's state then follows the model's. */
  function isAll(host: ModelHost): boolean {
    const { main } = models;
    return models.entries().length === 1 && main?.current.host === host && preloaded.includes(main);
  }

  let preloaded: readonly ModelEntry[] = [];

  /** Whether the process prints this host's failure when it exits, so that the log must not repeat the failure. */
  function isLastLine(host: ModelHost): boolean {
    return config.quietLog && host.loads.count === 0 && isAll(host);
  }

  function onState(host: ModelHost, to: ModelStateName, from: ModelStateName): void {
    metrics.stateTransitions.inc({ machine: "model", from, to });
    if (from === "ready" || to === "ready") options.onModelState?.();
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
      if (never) options.onFirstLoadFailed(host.failure ?? "the model cannot be loaded");
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
    start() {
      preloaded = models.entries().filter(isNeeded);
      for (const { current } of preloaded) awaited.add(current.host);
      state.apply("listening", "the model is loading");
      for (const { current } of preloaded) models.pool.loadNow(current.host);
      if (awaited.size === 0 && state.name === "loading") state.apply("loaded");
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
      await Promise.all([...each((host) => host.stop()), schemas.close(), describer.close(), renderer.close()]);
    },
    close() {
      each((host) => host.close());
      registry.clear();
      state.apply("stopped");
    },
  };
}
