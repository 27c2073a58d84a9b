// Composes what a gateway does with jobs: the hosts of the fleet's models, job names, sessions and takeovers. Knows no HTTP, so a simulation runs it.
import type { Clock } from "@waggle/async";
import type { Chance, GatewaySide } from "@waggle/fleet";
import { createJobRegistry, hasEnded, isWaiting } from "@waggle/jobs";
import type { Job, JobObserver, JobRegistry } from "@waggle/jobs";
import type { DayLog, Logger, WorkerMetrics } from "@waggle/telemetry";
import type { GatewayConfig } from "./config.ts";
import { createJobNames } from "./jobs/job-names.ts";
import { watchOrphans } from "./jobs/orphans.ts";
import { createSessionClaims } from "./jobs/session-claims.ts";
import { createTakeover, type Takeover } from "./jobs/takeover.ts";
import { createAffinity } from "./link/affinity.ts";
import { createCatalogue, type Catalogue } from "./models/catalogue.ts";
import { createFleetHost, type FleetHost } from "./models/fleet-host.ts";
import { createFleetModels, type FleetModels } from "./models/fleet-models.ts";

/** Time limit for storing the cancels of aborted jobs when the gateway leaves. */
const cancelTimeoutMs = 1_000;

/** The settings that limit jobs. */
export type GatewayLimits = Omit<GatewayConfig, "natsUrl">;

export interface GatewayJobsOptions {
  readonly config: GatewayLimits;
  readonly side: GatewaySide;
  readonly observers: readonly JobObserver[];
  readonly day?: DayLog | undefined;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly clock: Clock;
  readonly chance: Chance;
}

export interface GatewayJobs {
  readonly registry: JobRegistry;
  readonly models: FleetModels;
  readonly catalogue: Catalogue;
  readonly finder: Takeover;
  /** Jobs that wait for a slot, over all models. */
  readonly waiting: number;
  /** Refuses new jobs. */
  refuse(): void;
  /** Returns the number of live jobs that another gateway continues after `abort`. */
  jobsToHandOver(): number;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
  /** Hands over the jobs that another gateway can continue, and ends the others. */
  abort(): void;
  /** Leaves the fleet; ends timers and subscriptions. */
  stop(): Promise<void>;
}

export function createGatewayJobs(options: GatewayJobsOptions): GatewayJobs {
  const { config, side, log, metrics, clock } = options;
  const { id: gateway } = side;
  const names = createJobNames({ ...options, gateway });
  const claims = createSessionClaims({
    side,
    gateway,
    supersede: (job) => models.dispatcher.cancel(job, "superseded"),
    clock,
    log,
  });
  const registry = createJobRegistry({ ...config, clock, day: options.day, onForgotten: names.forget });
  const observers: readonly JobObserver[] = [
    ...options.observers,
    (job, what) => (what.type === "ended" ? names.ended(job, what.outcome) : undefined),
  ];
  const catalogue = createCatalogue({ side, clock, log });
  const affinity = createAffinity(side);
  const models = createFleetModels({ side, catalogue, createHost, queueCapacity: config.queueCapacity });
  const finder = createTakeover({ side, gateway, known: registry.get, models, names, claims, log });
  const orphans = watchOrphans({ side, known: registry.get, takeOver: finder.takeOver, clock, log });
  let aborting: Promise<unknown> = Promise.resolve();

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
      chance: options.chance,
    });
  }

  const forgetConnection = side.onConnection(() => {
    for (const host of models.hosts()) host.changed();
  });
  const forgetCancels = side.onCancel((fleetId, by) => {
    const job = names.waiting(fleetId);
    // If the job has left the queue, its worker cancels the job.
    if (job === undefined || !isWaiting(job) || by === "gateway" || by === "orphaned") return;
    models.dispatcher.cancel(job, by);
  });
  side.onEnd(async (client, jobId, by) => {
    const job = registry.get(client, jobId);
    if (job === undefined || hasEnded(job)) return;
    models.dispatcher.cancel(job, by);
    await job.ended.promise;
  });

  /** Whether another gateway can continue the job, and the job's client asks there for it. */
  function isForOthers(job: Job): boolean {
    const { phase } = job.state;
    const isLive = isWaiting(job) || phase.name === "running";
    return isLive && job.spec.when.resumable === true && names.canContinueElsewhere(job);
  }

  function each<T>(what: (host: FleetHost) => T): T[] {
    return models.hosts().map(what);
  }

  return {
    registry,
    models,
    catalogue,
    finder,
    get waiting() {
      return models.hosts().reduce((sum, { dispatcher }) => sum + dispatcher.waiting, 0);
    },
    refuse() {
      orphans.close();
      each((host) => host.refuse());
    },
    async idle() {
      await Promise.all(each(({ dispatcher }) => dispatcher.idle()));
    },
    jobsToHandOver: () => registry.liveJobs().filter(isForOthers).length,
    abort() {
      const handed = new Set(registry.liveJobs().filter(isForOthers));
      const waiting = [...handed].filter(isWaiting).length;
      if (handed.size > 0) log.info({ jobs: handed.size, waiting }, "jobs_handed_over");
      aborting = Promise.all(each((host) => host.abort((job) => handed.has(job))));
      names.leave();
    },
    async stop() {
      forgetConnection();
      forgetCancels();
      orphans.close();
      catalogue.close();
      await Promise.race([aborting, new Promise<void>((resolve) => clock.setTimeout(resolve, cancelTimeoutMs))]);
      each((host) => host.close());
      side.leave();
      await side.close();
      registry.clear();
    },
  };
}
