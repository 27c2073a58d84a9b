// Composes a gateway: the worker's HTTP front over a fleet. It starts no process and opens no socket, so tests run it as the daemon does.
import { inBackground } from "@waggle/async";
import type { Clock } from "@waggle/async";
import type { Chance, GatewaySide } from "@waggle/fleet";
import { createApp, createClientAccounts, createSchemaCompiler } from "@waggle/front";
import type { App, WorkerStateView } from "@waggle/front";
import type { TokenTable } from "@waggle/daemon/tokens";
import type { JobRegistry, Lane } from "@waggle/jobs";
import { workerOpenApi } from "@waggle/protocol";
import type { Pages } from "@waggle/daemon/pages";
import { takeRegularly } from "@waggle/telemetry";
import type { DayLog, LogRing, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { GatewayConfig } from "./config.ts";
import { createGatewayJobs, type GatewayJobs } from "./gateway-jobs.ts";
import { createNoControl } from "./models/control.ts";
import { createServed } from "./models/served.ts";
import { createReport } from "./report.ts";

export interface GatewayOptions {
  readonly config: GatewayConfig;
  /** The connection to the fleet; `stop` closes it. */
  readonly side: GatewaySide;
  readonly pages: Pages;
  readonly lane?: Lane | undefined;
  readonly tokens: () => TokenTable;
  /** Begins to leave, as at SIGTERM. */
  readonly drain: () => void;
  readonly url: () => string;
  readonly log: Logger;
  readonly logLines: Pick<LogRing, "find">;
  readonly day?: DayLog | undefined;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  readonly chance: Chance;
}

export interface Gateway extends Pick<
  GatewayJobs,
  "registry" | "waiting" | "refuse" | "jobsToHandOver" | "idle" | "abort" | "stop"
> {
  readonly app: App;
  readonly registry: JobRegistry;
  readonly state: WorkerStateView;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { config, side, log, metrics, clock } = options;
  const accounts = createClientAccounts({ ...options, localMode: config.localMode });
  const jobs = createGatewayJobs({
    ...options,
    observers: [
      accounts.observe,
      (_, { type }) => (type === "accepted" || type === "started" ? sampleHistory() : undefined),
    ],
  });
  const { registry, models, catalogue, finder } = jobs;
  const report = createReport({
    config,
    side,
    models,
    catalogue,
    registry,
    metrics,
    clock,
    url: options.url,
    day: options.day,
  });
  const served = createServed({ catalogue, findHost: models.find, self: report.self });
  const schemas = createSchemaCompiler({ clock });
  const app = createApp({
    schemas,
    allowedMediaHosts: config.allowedMediaHosts,
    access: { ...config, tokens: options.tokens },
    accounts,
    pages: options.pages,
    limits: config,
    clock,
    log,
    logLines: options.logLines,
    metrics,
    state: report.state,
    dispatcher: models.dispatcher,
    registry,
    finder,
    workerOf: (job) => models.find(job.spec.model)?.link.workerOf(job),
    models: served,
    lane: options.lane,
    control: createNoControl(served),
    drain: options.drain,
    view: {
      info: () => report.info(served.main),
      health: () => report.health(served.main),
      openApi: () => workerOpenApi(config.version),
      history: report.history.since,
      collect: (streams) => report.collect(metrics, streams),
    },
  });

  /** Once the observed job has its place: in a slot if one is free. */
  function sampleHistory(): void {
    queueMicrotask(report.history.sample);
  }

  const historyTimer = takeRegularly(clock, () => inBackground("take the history", report.history.take()));

  return {
    ...jobs,
    get waiting() {
      return jobs.waiting;
    },
    app,
    state: report.state,
    refuse() {
      report.leave();
      jobs.refuse();
    },
    abort() {
      report.leave();
      jobs.abort();
    },
    async stop() {
      historyTimer.cancel();
      await schemas.close();
      await jobs.stop();
    },
  };
}
