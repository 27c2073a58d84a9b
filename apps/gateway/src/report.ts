// Owns the gateway's description, health and gauges, for clients and probes.
import { inBackground, type Clock } from "@waggle/async";
import type { GatewaySide } from "@waggle/fleet";
import type { ServedModel, StreamCounter, WorkerStateView } from "@waggle/front";
import { oldestWaitMs } from "@waggle/jobs";
import type { JobRegistry } from "@waggle/jobs";
import { ModelStateSchema, WorkerStateSchema } from "@waggle/protocol";
import type { Health, WorkerInfo, WorkerStateName } from "@waggle/protocol";
import { createWorkHistory } from "@waggle/telemetry";
import type { DayLog, WorkHistory, WorkerMetrics } from "@waggle/telemetry";
import type { GatewayConfig } from "./config.ts";
import type { FleetModels } from "./models/fleet-models.ts";
import type { Catalogue } from "./models/catalogue.ts";
import { slotsTotal, unknownSettings } from "./models/served.ts";
import type { OwnFacts } from "./models/served.ts";

export interface ReportOptions {
  readonly config: GatewayConfig;
  readonly side: Pick<GatewaySide, "connected" | "storeUse">;
  readonly models: FleetModels;
  readonly catalogue: Catalogue;
  readonly registry: JobRegistry;
  readonly metrics: Pick<WorkerMetrics, "counts" | "latencies">;
  readonly clock: Clock;
  readonly url: () => string;
  readonly day?: DayLog | undefined;
}

export interface Report {
  /** The state now. It changes with the fleet, and with `leave`. */
  readonly state: WorkerStateView;
  leave(): void;
  self(): OwnFacts;
  /** @param main the model in the gateway's description */
  info(main: ServedModel | undefined): WorkerInfo;
  health(main: ServedModel | undefined): Health;
  readonly history: WorkHistory;
  /** Sets the gauges; called at each scrape. */
  collect(metrics: WorkerMetrics, streams: StreamCounter): void;
}

export function createReport(options: ReportOptions): Report {
  const { config, side, models, catalogue, registry, metrics, clock } = options;
  const startedAt = clock.now();
  const readStores = createStoreGauge(side);
  let leaving = false;

  const ready = (): boolean => catalogue.models().some((model) => model.ready.length > 0);

  const state: WorkerStateView = {
    get name(): WorkerStateName {
      if (leaving) return "draining";
      if (!side.connected) return "disconnected";
      return ready() ? "ready" : "loading";
    },
    get reason() {
      if (leaving) return "the gateway is leaving";
      if (!side.connected) return "there is no connection to NATS";
      return ready() ? undefined : "no worker has a model ready";
    },
  };

  const uptimeMs = (): number => Math.round(clock.now() - startedAt);

  const self = (): OwnFacts => ({
    worker_id: config.gatewayId,
    url: options.url(),
    state: state.name,
    version: config.version,
    local_mode: config.localMode,
    gateway: true,
    queue_capacity: config.queueCapacity,
    answer_window_ms: config.answerWindowMs,
    uptime_ms: uptimeMs(),
  });

  function sum(count: (host: ReturnType<FleetModels["hosts"]>[number]) => number): number {
    return models.hosts().reduce((total, host) => total + count(host), 0);
  }

  const history = createWorkHistory({
    metrics,
    clock,
    day: options.day,
    load: () => ({
      running: sum(({ dispatcher }) => dispatcher.running),
      waiting: sum(({ dispatcher }) => dispatcher.waiting),
    }),
    own: { read: () => undefined, figuresOf: () => ({}) },
  });

  function collectModel(metrics: WorkerMetrics, name: string): void {
    const gauges = metrics.ofModel(name);
    const model = catalogue.get(name);
    const host = models.find(name);
    gauges.slotsTotal.set(slotsTotal(model));
    gauges.slotsBusy.set(host?.dispatcher.running ?? 0);
    gauges.queueDepth.set(host?.dispatcher.waiting ?? 0);
    gauges.queueCapacity.set(config.queueCapacity);
    gauges.queueOldestSeconds.set(oldestWaitMs(host?.registry.liveJobs() ?? [], clock.now()) / 1_000);
    const now = slotsTotal(model) > 0 ? "ready" : "unloaded";
    for (const one of ModelStateSchema.options) gauges.modelState.set({ state: one }, one === now ? 1 : 0);
  }

  return {
    state,
    leave() {
      leaving = true;
    },
    self,
    info: (main) => main?.info() ?? { ...self(), model: "", backend: "llama", slots: 1, ...unknownSettings },
    health(main) {
      const isReady = state.name === "ready";
      const message = state.reason ?? "";
      return {
        ...(isReady ? { status: "ok" } : { error: { code: 503, message, type: "unavailable_error" } }),
        live: true,
        ready: isReady,
        state: state.name,
        ...(state.reason === undefined ? {} : { reason: state.reason }),
        worker_id: config.gatewayId,
        model: main?.name ?? "",
        backend: main?.info().backend ?? "llama",
        version: config.version,
        uptime_ms: uptimeMs(),
        slots: {
          total: catalogue.models().reduce((total, model) => total + slotsTotal(model), 0),
          busy: sum(({ dispatcher }) => dispatcher.running),
        },
        queue: {
          depth: sum(({ dispatcher }) => dispatcher.waiting),
          capacity: config.queueCapacity * Math.max(1, models.hosts().length),
        },
        // A gateway starts no engines.
        engine: { starts: 0, deaths: 0 },
      };
    },
    history,
    collect(metrics, streams) {
      metrics.setState(state.name, WorkerStateSchema.options);
      metrics.streamsOpen.set(streams.open);
      metrics.fleetConnected.set(Number(side.connected));
      readStores(metrics);
      metrics.fleetJobs.set(models.hosts().reduce((sum, { link }) => sum + link.running, 0));
      metrics.jobsRegistered.set(registry.liveCount + registry.endedCount);
      metrics.replayBytes.set(registry.replayBytes);
      metrics.resetModelGauges();
      for (const { name } of catalogue.models()) collectModel(metrics, name);
    },
  };
}

/**
 * Returns a function that begins a reading of the fleet's stores, unless one is running. The gauge has the values from the next scrape on,
 * since NATS answers later than a scrape may take.
 */
function createStoreGauge(side: Pick<GatewaySide, "storeUse">): (metrics: WorkerMetrics) => void {
  let reading = false;

  async function read({ fleetStoreUsed }: WorkerMetrics): Promise<void> {
    if (reading) return;
    reading = true;
    try {
      for (const [store, used] of Object.entries(await side.storeUse())) fleetStoreUsed.set({ store }, used);
    } catch {
      // Without NATS the use is not known; another alert reports the lost connection.
      fleetStoreUsed.reset();
    } finally {
      reading = false;
    }
  }

  return (metrics) => inBackground("read the use of the store", read(metrics));
}
