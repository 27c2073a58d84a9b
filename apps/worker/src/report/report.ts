// Owns the worker's reports about itself: to clients, to health probes and to the hive.
import { totalmem } from "node:os";
import type { Clock } from "@waggle/async";
import type { ModelFile } from "@waggle/engine";
import type { StreamCounter } from "@waggle/front";
import type { JobRegistry } from "@waggle/jobs";
import type { Health, Heartbeat, Registration, WorkerInfo } from "@waggle/protocol";
import { WorkerStateSchema, heartbeatModelsLimit } from "@waggle/protocol";
import type { DayLog, WorkHistory, WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "../config.ts";
import { createDiskGauges } from "./disk-gauges.ts";
import { chatOf } from "./chat-abilities.ts";
import type { Descriptions } from "../models/list/descriptions.ts";
import { defined, type Model } from "../models/list/model.ts";
import type { ModelHost } from "../models/run/model-host-port.ts";
import { pictureAbility } from "../models/list/picture-ability.ts";
import { collectModelGauges } from "./model-gauges.ts";
import type { Models } from "../models/list/models.ts";
import type { WorkerState } from "./worker-state.ts";
import { createTokenRate } from "./token-rate.ts";
import { createWorkerHistory } from "./worker-history.ts";

export interface ReportOptions {
  readonly config: WorkerConfig;
  readonly models: Models;
  readonly descriptions: Descriptions;
  readonly state: WorkerState;
  readonly registry: JobRegistry;
  readonly metrics: Pick<WorkerMetrics, "counts" | "latencies">;
  readonly clock: Clock;
  readonly day?: DayLog | undefined;
  readonly startedAt: number;
  readonly url: () => string;
}

export interface Report {
  info(): WorkerInfo;
  infoOf(entry: Model): WorkerInfo;
  health(): Health;
  registration(): Registration;
  /** Makes the heartbeats for one receiver, with rates since the receiver's last heartbeat. */
  heartbeats(): (seq: number) => Heartbeat;
  readonly history: WorkHistory;
  /** Sets the gauges that are computed when metrics are read. */
  collect(metrics: WorkerMetrics, streams: StreamCounter): void;
}

export function createReport(options: ReportOptions): Report {
  const { config, models, descriptions, state, registry, clock } = options;

  const disks = createDiskGauges({
    models: config.modelsFolder,
    ...(config.prefixStoreDir === undefined ? {} : { prefix_store: config.prefixStoreDir }),
  });
  const history = createWorkerHistory(options);

  const total = (count: (host: ModelHost) => number): number =>
    models.hosts().reduce((sum, host) => sum + count(host), 0);

  /** Slots of the loaded models; before any model is loaded, the configured slots of one model. */
  function slotCounts(): { total: number; busy: number } {
    const loaded = models.hosts().filter((host) => host.info !== undefined && host.state.name !== "unloaded");
    const slots = loaded.reduce((sum, host) => sum + (host.info?.slots ?? 0), 0);
    return {
      total: slots > 0 ? slots : config.modelSettings.slots,
      busy: total(({ dispatcher }) => dispatcher.running),
    };
  }

  const queueCounts = () => ({
    depth: total(({ dispatcher }) => dispatcher.waiting),
    capacity: config.queueCapacity * Math.max(1, models.entries().length),
  });

  const name = (): string => models.main?.name ?? "";

  const shared = () => ({
    worker_id: config.workerId,
    url: options.url(),
    state: state.name,
    model: name(),
    backend: config.backend,
    version: config.version,
  });

  /** Empty in a worker with one model, because the other fields describe that model. */
  function modelStates(): Pick<Heartbeat, "models"> {
    const entries = models.entries();
    if (entries.length < 2) return {};
    const states = entries.map((entry) => ({ name: entry.name, state: entry.current.state.name }));
    // Loaded models first: they matter most to a hive, and the list may be cut.
    const first = states.toSorted((a, b) => Number(b.state === "ready") - Number(a.state === "ready"));
    return { models: first.slice(0, heartbeatModelsLimit) };
  }

  function heartbeats(): (seq: number) => Heartbeat {
    const { startedAt } = options;
    const tokensPerSecond = createTokenRate({ count: () => total(({ tokens }) => tokens()), clock, startedAt });
    return (seq) => ({
      ...shared(),
      ...modelStates(),
      slots: slotCounts(),
      queue: queueCounts(),
      timestamp: new Date().toISOString(),
      health_status: state.name === "ready" ? "healthy" : state.name === "failed" ? "unhealthy" : "degraded",
      seq,
      tokens_per_second: tokensPerSecond(),
    });
  }

  function infoOf(entry: Model | undefined): WorkerInfo {
    const host = entry?.current;
    const model = host?.info;
    const chat = host === undefined ? undefined : chatOf(host, descriptions);
    const ability = host === undefined ? undefined : pictureAbility(host);
    const { prefillBudget, maxTokenGapMs, guesses } = host?.file.settings ?? config.modelSettings;
    const { stepCosts, promptPieces = [] } = host?.readings ?? {};
    return {
      ...shared(),
      model: entry?.name ?? "",
      slots: model?.slots ?? config.modelSettings.slots,
      local_mode: config.localMode,
      prefill_budget: prefillBudget ?? null,
      max_token_gap_ms: maxTokenGapMs === "none" ? null : (maxTokenGapMs ?? null),
      guesses,
      queue_capacity: config.queueCapacity,
      answer_window_ms: config.answerWindowMs,
      uptime_ms: Math.round(clock.now() - options.startedAt),
      ...(host === undefined || model === undefined
        ? cardFactsOf(host, descriptions)
        : {
            context_size: model.contextSize,
            context_pool: model.contextPool,
            trained_context_size: model.trainedContextSize,
            parameters: model.parameters,
            model_bytes: model.modelBytes,
            model_sha256: host.fingerprints().modelSha256 ?? null,
            ...(model.file === undefined ? {} : fileFactsOf(model.file)),
            device: model.device,
            threads: model.threads,
            engine_build: model.build,
            ...defined({ engine_binding: model.binding, engine_binding_reason: model.bindingReason }),
            ...defined({ settings: model.settings, attention_costs: model.attention }),
            kind: model.kind,
            ...(model.embeddingSize === undefined ? {} : { embedding_size: model.embeddingSize }),
            infill: model.infill,
          }),
      ...defined({ chat, vision: ability, step_costs: stepCosts }),
      ...(promptPieces.length === 0 ? {} : { prompt_pieces: [...promptPieces] }),
    };
  }

  return {
    info: () => infoOf(models.main),
    infoOf,
    health() {
      const main = models.main?.current;
      const loading = main?.loading.value;
      const slots = slotCounts();
      return {
        ...healthInWords(state),
        live: state.name !== "failed",
        ready: state.name === "ready",
        state: state.name,
        ...(state.reason === undefined ? {} : { reason: state.reason }),
        worker_id: config.workerId,
        model: name(),
        backend: config.backend,
        version: config.version,
        uptime_ms: Math.round(clock.now() - options.startedAt),
        ...(state.name === "loading" && loading?.type === "loading" ? { loading_progress: loading.progress } : {}),
        slots,
        queue: queueCounts(),
        engine: { starts: total(({ starts }) => starts), deaths: total(({ deaths }) => deaths) },
      };
    },
    registration: () => ({
      ...shared(),
      ...modelStates(),
      slots: slotCounts(),
      queue: queueCounts(),
      interval_ms: config.heartbeatIntervalMs,
    }),
    heartbeats,
    history,
    collect(metrics, streams) {
      metrics.setState(state.name, WorkerStateSchema.options);
      metrics.streamsOpen.set(streams.open);
      metrics.jobsRegistered.set(registry.liveCount + registry.endedCount);
      metrics.replayBytes.set(registry.replayBytes);
      metrics.memoryBudgetBytes.set(models.pool.budget.bytes ?? 0);
      metrics.machineMemoryBytes.set(Math.min(totalmem(), process.constrainedMemory() || Infinity));
      metrics.machineMemoryFreeBytes.set(process.availableMemory());
      disks.read(metrics);
      collectModelGauges(metrics, models, { queueCapacity: config.queueCapacity, now: clock.now() });
    },
  };
}

/** Facts from the file of a model that was never loaded. */
function cardFactsOf(host: ModelHost | undefined, descriptions: Descriptions): Partial<WorkerInfo> {
  const { facts, settings } = host?.file ?? {};
  const card = facts?.card ?? (host === undefined ? undefined : descriptions.known(host)?.card);
  if (card === undefined) return {};
  const { architecture, kind, quantization, description, trainedContext, embeddingSize } = card;
  const { contextSize, contextPool } = facts?.plan?.context ?? settings ?? {};
  return defined({
    context_size: contextSize,
    context_pool: contextPool,
    trained_context_size: trainedContext,
    parameters: card.parameters,
    model_bytes: card.fileBytes,
    architecture,
    quantization,
    description,
    model_modified_at: facts?.modifiedAt,
    kind,
    embedding_size: kind === "embed" ? embeddingSize : undefined,
    infill: kind === "generate" && card.infill,
  });
}

function fileFactsOf({ architecture, quantization, description, modifiedAt }: ModelFile): Partial<WorkerInfo> {
  return defined({ architecture, quantization, description, model_modified_at: modifiedAt });
}

/** The fields of llama-server's health response. */
function healthInWords({ name, reason }: WorkerState): Pick<Health, "status" | "error"> {
  if (name === "ready") return { status: "ok" };
  const loading = name === "starting" || name === "loading";
  const message = loading ? "Loading model" : (reason ?? `The worker is ${name}`);
  return { error: { code: 503, message, type: "unavailable_error" } };
}
