// Collects the metrics of a model's engines from their measurements.
import type { GpuMemory, Measurement } from "@waggle/engine";
import type { PromptPiece, StepCosts } from "@waggle/protocol";
import type { ModelMetrics } from "@waggle/telemetry";

/** Values of the engine's last report. Values that were not reported, and values of an exited process, are 0. */
export interface EngineReadings {
  readonly threads: number;
  /** Number of tokens that all slots hold, idle slots included. */
  readonly cells: number;
  /** Utilization of the engine's main thread, 0 to 1. */
  readonly eventLoopUtilization: number;
  readonly rssBytes: number;
  /** Number of KV snapshots, which outlive an engine. */
  readonly prefixStates: number;
  readonly prefixBytes: number;
  /** Undefined before the first report, and without a GPU. */
  readonly gpu?: GpuMemory | undefined;
  /** Undefined until steps were measured. */
  readonly stepCosts?: StepCosts | undefined;
  /** The same. */
  readonly promptPieces?: readonly PromptPiece[] | undefined;
}

export interface EngineMetrics {
  readonly readings: EngineReadings;
  record(event: Measurement): void;
  /** Records that the engine's process has exited. */
  gone(): void;
}

const withoutProcess = {
  threads: 0,
  cells: 0,
  eventLoopUtilization: 0,
  rssBytes: 0,
  gpu: undefined,
  stepCosts: undefined,
  promptPieces: undefined,
};

export function createEngineMetrics(measured: () => ModelMetrics): EngineMetrics {
  let readings: EngineReadings = { ...withoutProcess, prefixStates: 0, prefixBytes: 0 };
  return {
    get readings() {
      return readings;
    },
    record(event) {
      recordEvent(measured(), event);
      readings = { ...readings, ...readingsOf(event) };
    },
    gone() {
      readings = { ...readings, ...withoutProcess };
    },
  };
}

function recordEvent(metrics: ModelMetrics, event: Measurement): void {
  if (event.type === "step" && event.stats !== undefined) {
    metrics.steps.inc();
    metrics.batchWidth.observe(event.stats.width);
    metrics.stepSeconds.observe(event.stats.passMs / 1000);
    metrics.stepGapSeconds.observe(event.stats.gapMs / 1000);
    metrics.contextShifts.inc(event.stats.shifts);
    if (event.stats.guessed > 0) metrics.guessedSteps.inc();
    for (const counter of [metrics.guessedTokens, metrics.vllmDraftTokens]) counter.inc(event.stats.guessed);
    for (const counter of [metrics.rightGuesses, metrics.vllmAcceptedTokens]) counter.inc(event.stats.rightGuesses);
  }
  if (event.type === "prefix_store") {
    metrics.prefixTransfers.inc({ operation: event.operation });
    metrics.prefixTransferSeconds.observe(event.ms / 1000);
  }
  if (event.type === "picture") {
    const { operation, cells, ms } = event;
    metrics.pictureCells.inc({ operation }, cells);
    (operation === "encode" ? metrics.pictureEncodeSeconds : metrics.picturePassSeconds).observe(ms / 1000);
  }
}

function readingsOf(event: Measurement): Partial<EngineReadings> {
  switch (event.type) {
    case "step":
      return event.stats === undefined ? {} : { threads: event.stats.threads, cells: event.stats.cells };
    case "prefix_store":
      return { prefixStates: event.states, prefixBytes: event.bytes };
    case "process_stats":
      return { eventLoopUtilization: event.eventLoopUtilization, rssBytes: event.rssBytes };
    case "gpu_memory":
      return { gpu: { name: event.name, usedBytes: event.usedBytes, totalBytes: event.totalBytes } };
    case "step_costs":
      return { stepCosts: event.costs, promptPieces: event.pieces };
    case "picture":
      return {};
  }
}
