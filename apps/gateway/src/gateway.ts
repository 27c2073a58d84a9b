// Composes a gateway: the worker's HTTP front over a fleet. It starts no process and opens no socket, so tests run it as the daemon does.
import { withTimeout, type Clock } from "@waggle/async";
import type { GatewaySide } from "@waggle/fleet";
import { createApp, createClientAccounts, createSchemaCompiler } from "@waggle/front";
import type { App, WorkerStateView } from "@waggle/front";
import type { TokenTable } from "@waggle/daemon/tokens";
import { createJobRegistry, hasEnded, isWaiting } from "@waggle/jobs";
import type { Job, JobObserver, JobRegistry } from "@waggle/jobs";
import { workerOpenApi } from "@waggle/protocol";
import type { Pages } from "@waggle/daemon/pages";
import type { Traces } from "@waggle/daemon/traces";
import { takeRegularly } from "@waggle/telemetry";
import type { DayLog, LogRing, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { GatewayConfig } from "./config.ts";
import { createFleetModels } from "./models/fleet-models.ts";
import { createTakeover } from "./jobs/takeover.ts";
import { createJobNames } from "./jobs/job-names.ts";
import { watchOrphans } from "./jobs/orphans.ts";
import { createSessionClaims } from "./jobs/session-claims.ts";
import { createAffinity } from "./link/affinity.ts";
import { createCatalogue } from "./models/catalogue.ts";
import { createNoControl } from "./models/control.ts";
import { createFleetHost } from "./models/fleet-host.ts";
import type { FleetHost } from "./models/fleet-host.ts";
import { createServed } from "./models/served.ts";
import { createReport } from "./report.ts";

/** Time limit for storing the cancels of aborted jobs when the gateway leaves. */
const cancelTimeoutMs = 1_000;

export interface GatewayOptions {
  readonly config: GatewayConfig;
  /** The connection to the fleet; `stop` closes it. */
  readonly side: GatewaySide;
  readonly pages: Pages;
  readonly tokens: () => TokenTable;
  /** Begins to leave, as at SIGTERM. */
  readonly drain: () => void;
  readonly url: () => string;
  readonly log: Logger;
  readonly logLines: Pick<LogRing, "find">;
  readonly day?: DayLog | undefined;
  readonly metrics: WorkerMetrics;
  readonly traces?: Traces | undefined;
  readonly clock: Clock;
}

export interface Gateway {
  readonly app: App;
  readonly registry: JobRegistry;
  readonly state: WorkerStateView;
  /** Jobs that wait for a slot, over all models. */
  readonly waiting: number;
  /** Refuses new jobs. */
  refuse(): void;
  /** Number of live jobs that another gateway continues after `abort`. */
  jobsToHandOver(): number;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
  /** Hands over the jobs that another gateway can continue, and ends the others. */
  abort(): void;
  /** Leaves the fleet; ends timers, subscriptions and threads. */
  stop(): Promise<void>;
}

export function createGateway(options: GatewayOptions): Gateway {
  const { config, side, log, metrics, traces, clock } = options;
  const { id: gateway } = side;
  const accounts = createClientAccounts({ ...options, localMode: config.localMode });
  const names = createJobNames({ side, gateway, clock, log });
  const claims = createSessionClaims({ side, gateway, clock, log });
  const registry = createJobRegistry({ ...config, clock, day: options.day, onForgotten: names.forget });
  const observers: readonly JobObserver[] = [
    accounts.observe,
    ...(traces === undefined ? [] : [traces.observe]),
    (job, what) => (what.type === "ended" ? names.ended(job, what.outcome) : undefined),
    (_, { type }) => (type === "accepted" || type === "started" ? sampleHistory() : undefined),
  ];
  const catalogue = createCatalogue({ side, clock, log });
  const affinity = createAffinity(side);
  const models = createFleetModels({ side, catalogue, createHost, queueCapacity: config.queueCapacity });
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
  const finder = createTakeover({ side, gateway, known: registry.get, models, names, claims, log });
  const orphans = watchOrphans({ side, takeOver: finder.takeOver, clock, log });
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
    traces,
    state: report.state,
    dispatcher: models.dispatcher,
    registry,
    finder,
    models: served,
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

  function createHost(name: string, key: string): FleetHost {
    return createFleetHost({
      ...config,
      name,
      key,
      model: () => catalogue.get(name),
      side,
      affinity,
      claims,
      names,
      registry,
      gateway,
      limits: config,
      observers,
      log,
      metrics,
      clock,
    });
  }

  /** Whether another gateway can continue the job, and the job's client asks there for it. */
  function isForOthers(job: Job): boolean {
    const { phase } = job.state;
    const isLive = isWaiting(job) || phase.name === "running";
    return isLive && job.spec.when.resumable === true && names.canContinueElsewhere(job);
  }

  let aborting: Promise<unknown> = Promise.resolve();
  const historyTimer = takeRegularly(clock, () => void report.history.take());
  const forgetConnection = side.onConnection(() => {
    for (const host of models.hosts()) host.changed();
  });
  const forgetCancels = side.onCancel((fleetId) => {
    const job = names.waiting(fleetId);
    // If the job has left the queue, its worker cancels the job.
    if (job !== undefined && isWaiting(job)) models.dispatcher.cancel(job, "client");
  });
  side.onEnd(async (client, jobId, by) => {
    const job = registry.get(client, jobId);
    if (job === undefined || hasEnded(job)) return;
    models.dispatcher.cancel(job, by);
    await job.ended.promise;
  });

  function each<T>(what: (host: FleetHost) => T): T[] {
    return models.hosts().map(what);
  }

  return {
    app,
    registry,
    state: report.state,
    get waiting() {
      return models.hosts().reduce((sum, { dispatcher }) => sum + dispatcher.waiting, 0);
    },
    refuse() {
      report.leave();
      orphans.close();
      each((host) => host.refuse());
    },
    async idle() {
      await Promise.all(each(({ dispatcher }) => dispatcher.idle()));
    },
    jobsToHandOver: () => registry.liveJobs().filter(isForOthers).length,
    abort() {
      report.leave();
      const handed = new Set(registry.liveJobs().filter(isForOthers));
      const waiting = [...handed].filter(isWaiting).length;
      if (handed.size > 0) log.info({ jobs: handed.size, waiting }, "jobs_handed_over");
      aborting = Promise.all(each((host) => host.abort((job) => handed.has(job))));
      names.leave();
    },
    async stop() {
      historyTimer.cancel();
      forgetConnection();
      forgetCancels();
      orphans.close();
      catalogue.close();
      await withTimeout(aborting, cancelTimeoutMs, "NATS has not stored the cancels in time.").catch(() => {});
      each((host) => host.close());
      await schemas.close();
      side.leave();
      await side.close();
      registry.clear();
    },
  };
}
