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
  record(measurement: Measurement): void;
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
    record(measurement) {
      readings = { ...readings, ...record(measured(), measurement) };
    },
    gone() {
      readings = { ...readings, ...withoutProcess };
    },
  };
}

/** Counts the measurement, and returns the readings that it changes. */
function record(metrics: ModelMetrics, measurement: Measurement): Partial<EngineReadings> {
  switch (measurement.type) {
    case "step": {
      const { stats } = measurement;
      if (stats === undefined) return {};
      metrics.steps.inc();
      metrics.batchWidth.observe(stats.width);
      metrics.stepSeconds.observe(stats.passMs / 1000);
      metrics.stepGapSeconds.observe(stats.gapMs / 1000);
      if (stats.guessed > 0) metrics.guessedSteps.inc();
      metrics.guessedTokens.inc(stats.guessed);
      metrics.rightGuesses.inc(stats.rightGuesses);
      return { threads: stats.threads, cells: stats.cells };
    }
    case "prefix_store":
      if (measurement.operation === "underway") return {};
      metrics.prefixTransfers.inc({ operation: measurement.operation });
      metrics.prefixTransferSeconds.observe(measurement.ms / 1000);
      return { prefixStates: measurement.states, prefixBytes: measurement.bytes };
    case "picture": {
      const { operation, cells, ms } = measurement;
      metrics.pictureCells.inc({ operation }, cells);
      (operation === "encode" ? metrics.pictureEncodeSeconds : metrics.picturePassSeconds).observe(ms / 1000);
      return {};
    }
    case "process_stats":
      return { eventLoopUtilization: measurement.eventLoopUtilization, rssBytes: measurement.rssBytes };
    case "gpu_memory":
      return { gpu: { name: measurement.name, usedBytes: measurement.usedBytes, totalBytes: measurement.totalBytes } };
    case "step_costs":
      return { stepCosts: measurement.costs, promptPieces: measurement.pieces };
  }
}
