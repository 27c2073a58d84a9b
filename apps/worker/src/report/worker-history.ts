// Owns the worker's history of the last hour: the jobs of all models, the KV caches and the machine.
import { cpus } from "node:os";
import type { Clock } from "@waggle/async";
import { createWorkHistory } from "@waggle/telemetry";
import type { DayLog, WorkHistory, WorkerMetrics } from "@waggle/telemetry";
import { busyShareOf, sumOfTimes } from "../engine/free-cores.ts";
import type { Models } from "../models/list/models.ts";
import { kvUseOf, sumOf } from "./kv-use.ts";

export interface WorkerHistoryOptions {
  readonly models: Pick<Models, "hosts">;
  readonly metrics: Pick<WorkerMetrics, "counts" | "latencies">;
  readonly clock: Clock;
  readonly day?: DayLog | undefined;
}

export function createWorkerHistory({ models, metrics, clock, day }: WorkerHistoryOptions): WorkHistory {
  return createWorkHistory({
    metrics,
    clock,
    day,
    load: () => ({
      running: sumOf(models.hosts(), ({ dispatcher }) => dispatcher.running),
      waiting: sumOf(models.hosts(), ({ dispatcher }) => dispatcher.waiting),
    }),
    own: {
      read: () => ({
        cores: sumOfTimes(cpus()),
        kvUse: Math.round(kvUseOf(models.hosts()) * 1_000) / 1_000,
        freeBytes: process.availableMemory(),
      }),
      figuresOf: (before, { cores, kvUse, freeBytes }) => ({
        kv_use: kvUse,
        cpu_busy: busyShareOf(before.cores, cores),
        free_memory_bytes: freeBytes,
      }),
    },
  });
}
