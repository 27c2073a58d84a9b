// Owns the composition of a gateway: the worker's own HTTP front over a fleet instead of an engine. No process and no socket is opened here, so
// tests run the very composition that the daemon runs.
import type { Clock } from "@waggle/async";
import type { GatewayMember, GatewaySide } from "@waggle/fleet";
import { createApp, createClientAccounts, createSchemaCompiler } from "@waggle/front";
import type { App, TokenTable } from "@waggle/front";
import { createJobRegistry, hasEnded, isWaiting } from "@waggle/jobs";
import type { JobRegistry } from "@waggle/jobs";
import { workerOpenApi } from "@waggle/protocol";
import type { Pages } from "@waggle/pages";
import type { LogRing, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { GatewayConfig } from "./config.ts";
import { createFleetModels } from "./fleet-models.ts";
import { createAdoption } from "./jobs/adoption.ts";
import { createJobNames } from "./jobs/job-names.ts";
import { watchOrphans } from "./jobs/orphans.ts";
import { createSessionClaims } from "./jobs/session-claims.ts";
import { createPlacement } from "./link/placement.ts";
import { createCatalogue } from "./models/catalogue.ts";
import { createNoControl } from "./models/control.ts";
import { createFleetHost } from "./models/fleet-host.ts";
import type { FleetHost } from "./models/fleet-host.ts";
import { createServed } from "./models/served.ts";
import { createReport } from "./report.ts";
import type { GatewayState } from "./report.ts";

export interface GatewayOptions {
  readonly config: GatewayConfig;
  /** Closed by the gateway. */
  readonly side: GatewaySide;
  readonly pages: Pages;
  readonly tokens: () => TokenTable;
  readonly url: () => string;
  readonly log: Logger;
  /** The log's last lines. */
  readonly logLines: Pick<LogRing, "last">;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
}

export interface Gateway {
  readonly app: App;
  readonly registry: JobRegistry;
  readonly state: GatewayState;
  /** Jobs of all models that wait for a slot. */
  readonly waiting: number;
  /** Refuses new jobs and ends those that wait. */
  refuse(): void;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
  /** Ends every job. */
  abort(): void;
  /** The fleet is told, and what the front still computes ends. */
  stop(): Promise<void>;
}

/** What a gateway says of itself in the fleet. @param count the jobs that it has now */
export function memberOf(
  config: Pick<GatewayConfig, "gatewayId">,
  url: string,
  startedAt: Date,
  count: Pick<GatewayMember, "jobs" | "waiting">,
): GatewayMember {
  return { version: 1, kind: "gateway", id: config.gatewayId, url, startedAt: startedAt.toISOString(), ...count };
}

export function createGateway(options: GatewayOptions): Gateway {
  const { config, side, log, metrics, clock } = options;
  const { id: gateway } = side;
  const accounts = createClientAccounts({ ...options, localMode: config.localMode });
  const names = createJobNames({ side, gateway, clock, log });
  const claims = createSessionClaims({ side, gateway, clock, log });
  const registry = createJobRegistry({ ...config, clock, onForgotten: names.forget });
  const catalogue = createCatalogue({ side, clock, log });
  const placement = createPlacement(side);
  const models = createFleetModels({ side, catalogue, createHost, queueCapacity: config.queueCapacity });
  const report = createReport({ config, side, models, catalogue, registry, clock, url: options.url });
  const served = createServed({ catalogue, findHost: models.find, self: report.self });
  const schemas = createSchemaCompiler({ clock });
  const finder = createAdoption({ side, gateway, known: registry.get, models, names, claims, log });
  const orphans = watchOrphans({ side, adopt: finder.adopt, clock, log });
  const app = createApp({
    schemas,
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
    models: served,
    control: createNoControl(served),
    view: {
      info: () => report.info(served.main),
      health: () => report.health(served.main),
      openApi: () => workerOpenApi(config.version),
      collect: () => report.collect(metrics, app.streams),
    },
  });

  function createHost(name: string, key: string): FleetHost {
    const { queueCapacity, clientQueueShare, onWorkerLoss } = config;
    return createFleetHost({
      name,
      key,
      model: () => catalogue.get(name),
      side,
      placement,
      claims,
      names,
      registry,
      gateway,
      onWorkerLoss,
      reconnectGraceMs: config.reconnectGraceMs,
      retryGraceMs: config.retryGraceMs,
      queueCapacity,
      clientQueueShare,
      limits: config,
      observers: [accounts, { started() {}, tokensCame() {}, ended: names.ended }],
      log,
      metrics,
      clock,
    });
  }

  const forgetConnection = side.onConnection(() => {
    for (const host of models.hosts()) host.changed();
  });
  const forgetCancels = side.onCancel((fleetId) => {
    const job = names.waiting(fleetId);
    // One that has left the queue hears of it from its worker.
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
      each((host) => host.refuse());
    },
    async idle() {
      await Promise.all(each(({ dispatcher }) => dispatcher.idle()));
    },
    abort() {
      report.leave();
      each((host) => host.abort());
    },
    async stop() {
      forgetConnection();
      forgetCancels();
      orphans.close();
      catalogue.close();
      each((host) => host.close());
      await schemas.close();
      await side.close();
      registry.clear();
    },
  };
}
