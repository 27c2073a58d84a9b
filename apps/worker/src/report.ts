// Owns what the worker says about itself, to clients, to probes and to the hive: one set of facts, three shapes.
import { basename } from "node:path";
import type { Clock } from "@waggle/async";
import type { ChatFormat } from "@waggle/chat-format";
import type { BackendInfo, ModelFile } from "@waggle/engine";
import type { ChatAbilities, Health, Heartbeat, Registration, SlotStatus, WorkerInfo } from "@waggle/protocol";
import { WaggleError, WorkerStateSchema } from "@waggle/protocol";
import type { WorkerMetrics } from "@waggle/telemetry";
import type { WorkerConfig } from "./config.ts";
import type { ModelHost } from "./model-host.ts";
import type { ModelPrompts, StreamCounter } from "@waggle/front";

export interface ReportOptions {
  readonly config: WorkerConfig;
  readonly host: ModelHost;
  readonly clock: Clock;
  readonly startedAt: number;
  readonly url: () => string;
}

export interface Report {
  info(): WorkerInfo;
  slots(): readonly SlotStatus[];
  health(): Health;
  chatFormat(): ChatFormat;
  prompts(): ModelPrompts;
  registration(): Registration;
  heartbeat(seq: number): Heartbeat;
  /** Sets the gauges that are read off rather than counted. */
  collect(metrics: WorkerMetrics, streams: StreamCounter): void;
}

export function createReport(options: ReportOptions): Report {
  const { config, host, clock } = options;
  const { state, dispatcher, registry, engine } = host;

  let last = { tokens: 0, at: options.startedAt };

  /** Since the heartbeat before. */
  function tokensPerSecond(): number {
    const now = { tokens: host.tokens, at: clock.now() };
    const rate = now.at > last.at ? ((now.tokens - last.tokens) * 1000) / (now.at - last.at) : 0;
    last = now;
    return Math.round(rate * 10) / 10;
  }

  function loaded(what: string): BackendInfo {
    if (engine.info !== undefined) return engine.info;
    throw new WaggleError("unavailable", `Cannot tell ${what}: the model is not loaded yet.`, { retryAfterS: 1 });
  }

  function slots(): readonly SlotStatus[] {
    const told = host.slots;
    if (told.length > 0) return told;
    const count = engine.info?.slots ?? config.modelSettings.slots;
    return Array.from({ length: count }, (_, id) => ({ id, state: "idle" as const, prompt_tokens: 0, tokens: 0 }));
  }

  const slotCounts = () => ({ total: engine.info?.slots ?? config.modelSettings.slots, busy: dispatcher.running });
  const queueCounts = () => ({ depth: dispatcher.waiting, capacity: config.queueCapacity });
  const shared = () => ({
    worker_id: config.workerId,
    url: options.url(),
    state: state.name,
    model: host.name,
    backend: config.backend,
    version: config.version,
  });

  return {
    slots,
    info() {
      const model = engine.info;
      return {
        ...shared(),
        slots: slotCounts().total,
        local_mode: config.localMode,
        prefill_budget: config.modelSettings.prefillBudget ?? null,
        queue_capacity: config.queueCapacity,
        uptime_ms: Math.round(clock.now() - options.startedAt),
        ...(model === undefined
          ? {}
          : {
              context_size: model.contextSize,
              trained_context_size: model.trainedContextSize,
              parameters: model.parameters,
              model_bytes: model.modelBytes,
              model_sha256: host.fingerprints().modelSha256 ?? null,
              ...(model.file === undefined ? {} : fileFactsOf(model.file)),
              device: model.device,
              threads: model.threads,
              engine_build: model.build,
              ...(model.settings === undefined ? {} : { settings: model.settings }),
              kind: model.kind,
              ...(model.embeddingSize === undefined ? {} : { embedding_size: model.embeddingSize }),
              ...(model.kind === "generate" ? { chat: chatAbilitiesOf(model.chatFormat) } : {}),
              infill: model.infill,
            }),
      };
    },
    health() {
      const loading = host.loading.value;
      return {
        ...healthInWords(state),
        live: state.name !== "failed",
        ready: state.name === "ready",
        state: state.name,
        ...(state.reason === undefined ? {} : { reason: state.reason }),
        worker_id: config.workerId,
        model: host.name,
        backend: config.backend,
        version: config.version,
        uptime_ms: Math.round(clock.now() - options.startedAt),
        ...(loading.type === "loading" ? { loading_progress: loading.progress } : {}),
        slots: slotCounts(),
        queue: queueCounts(),
        engine: { starts: engine.starts, deaths: engine.deaths },
      };
    },
    chatFormat() {
      return loaded("how the model's answers are written").chatFormat;
    },
    prompts() {
      const { modelPath, modelName, promptTexts } = loaded("what the model's prompts are made of");
      return { fileName: basename(modelPath ?? modelName), ...promptTexts };
    },
    registration: () => ({
      ...shared(),
      slots: slotCounts(),
      queue: queueCounts(),
      interval_ms: config.heartbeatIntervalMs,
    }),
    heartbeat: (seq) => ({
      ...shared(),
      slots: slotCounts(),
      queue: queueCounts(),
      timestamp: new Date().toISOString(),
      health_status: state.name === "ready" ? "healthy" : state.name === "failed" ? "unhealthy" : "degraded",
      seq,
      tokens_per_second: tokensPerSecond(),
    }),
    collect(metrics, streams) {
      metrics.setState(state.name, WorkerStateSchema.options);
      metrics.slotsTotal.set(slotCounts().total);
      metrics.slotsBusy.set(dispatcher.running);
      metrics.queueDepth.set(dispatcher.waiting);
      metrics.queueCapacity.set(config.queueCapacity);
      metrics.streamsOpen.set(streams.open);
      metrics.jobsRegistered.set(registry.liveCount + registry.endedCount);
      metrics.replayBytes.set(registry.replayBytes);
    },
  };
}

function fileFactsOf({ architecture, quantization, modifiedAt }: ModelFile): Partial<WorkerInfo> {
  return {
    architecture,
    ...(quantization === undefined ? {} : { quantization }),
    model_modified_at: modifiedAt,
  };
}

/** As llama-server's clients read it. */
function healthInWords({ name, reason }: ModelHost["state"]): Pick<Health, "status" | "error"> {
  if (name === "ready") return { status: "ok" };
  const loading = name === "starting" || name === "loading";
  const message = loading ? "Loading model" : (reason ?? `The worker is ${name}`);
  return { error: { code: 503, message, type: "unavailable_error" } };
}

function chatAbilitiesOf({ name, abilities, inputs }: ChatFormat): ChatAbilities {
  return {
    format: name,
    tools: abilities.tools,
    parallel_tool_calls: abilities.parallelCalls,
    thinking: abilities.thinking,
    switches: [...abilities.switches],
    template_variables: [...inputs.variables],
  };
}
