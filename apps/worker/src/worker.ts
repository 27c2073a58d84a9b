// Owns the composition of a worker: its model's host, what it says about itself, and the HTTP front. No process and no socket
// is opened here, so tests and simulations run the very composition that the daemon runs.
import type { Clock } from "@waggle/async";
import { createApp, createClientAccounts, createSchemaCompiler } from "@waggle/front";
import type { App, TokenTable } from "@waggle/front";
import { workerOpenApi } from "@waggle/protocol";
import type { Logger, WorkerMetrics } from "@waggle/telemetry";
import type { Traces } from "@waggle/tracing";
import type { WorkerConfig } from "./config.ts";
import { createModelHost } from "./model-host.ts";
import type { ModelHost, ModelHostOptions } from "./model-host.ts";
import { createWorkerPages } from "./pages.ts";
import { createReport } from "./report.ts";
import type { Report } from "./report.ts";

export interface WorkerOptions extends Pick<
  ModelHostOptions,
  "modelPath" | "createEngine" | "onDownloadProgress" | "onReady" | "onGaveUp"
> {
  readonly config: WorkerConfig;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly traces?: Traces | undefined;
  readonly clock: Clock;
  readonly tokens: () => TokenTable;
  /** Where others reach it; asked only once it listens. */
  readonly url: () => string;
}

export interface Worker {
  readonly host: ModelHost;
  readonly app: App;
  readonly report: Report;
  /** Ends what the front still computes. */
  close(): Promise<void>;
}

export function createWorker(options: WorkerOptions): Worker {
  const { config, log, metrics, clock } = options;
  const accounts = createClientAccounts({ ...options, localMode: config.localMode });
  const observers = [accounts, ...(options.traces === undefined ? [] : [options.traces])];
  const { slots } = config.modelSettings;
  const host = createModelHost({ ...config, ...options, slots, limits: config, observers });
  const report = createReport({ config, host, clock, startedAt: clock.now(), url: options.url });
  const schemas = createSchemaCompiler({ clock });
  const app = createApp({
    schemas,
    access: { ...config, tokens: options.tokens },
    accounts,
    pages: createWorkerPages(),
    limits: config,
    clock,
    log,
    metrics,
    traces: options.traces,
    state: host.state,
    dispatcher: host.dispatcher,
    registry: host.registry,
    loading: host.loading,
    view: {
      ...report,
      openApi: () => workerOpenApi(config.version),
      collect: () => report.collect(metrics, app.streams),
    },
  });
  return { host, app, report, close: () => schemas.close() };
}
