// Owns the gauges of each model, which are computed when metrics are read.
import { oldestWaitMs } from "@waggle/jobs";
import { ModelStateSchema } from "@waggle/protocol";
import type { ModelStateName } from "@waggle/protocol";
import type { ModelMetrics, WorkerMetrics } from "@waggle/telemetry";
import type { ModelHost } from "../models/run/model-host-port.ts";
import type { Models } from "../models/list/models.ts";
import { kvUseOf, sumOf } from "./kv-use.ts";

export interface GaugeFacts {
  readonly queueCapacity: number;
  /** Milliseconds of the daemon's clock. */
  readonly now: number;
}

/** Sets the gauges of the present models, and removes the gauges of models that no longer exist. */
export function collectModelGauges(metrics: WorkerMetrics, models: Models, { queueCapacity, now }: GaugeFacts): void {
  metrics.resetModelGauges();
  const hosts = new Map<string, ModelHost[]>();
  // During a swap, several hosts have the same name.
  for (const host of models.hosts()) hosts.set(host.name, [...(hosts.get(host.name) ?? []), host]);
  for (const [name, under] of hosts) {
    const gauges = metrics.ofModel(name);
    setCounts(gauges, under, queueCapacity);
    setReadings(gauges, under);
    const jobs = under.flatMap(({ registry }) => registry.liveJobs());
    gauges.queueOldestSeconds.set(oldestWaitMs(jobs, now) / 1_000);
    gauges.kvUse.set(kvUseOf(under));
    gauges.modelMemoryBytes.set(sumOf(under.filter(isInMemory), (host) => models.pool.memoryOf(host)?.total ?? 0));
  }
  for (const { name, current } of models.entries()) {
    const { name: now } = current.state;
    for (const state of ModelStateSchema.options)
      metrics.ofModel(name).modelState.set({ state }, state === now ? 1 : 0);
  }
}

function setCounts(gauges: ModelMetrics, hosts: readonly ModelHost[], queueCapacity: number): void {
  gauges.slotsTotal.set(sumOf(hosts.filter(isInMemory), ({ info }) => info?.slots ?? 0));
  gauges.contextCells.set(sumOf(hosts.filter(isInMemory), ({ info }) => info?.contextPool ?? 0));
  gauges.slotsBusy.set(sumOf(hosts, ({ dispatcher }) => dispatcher.running));
  gauges.queueDepth.set(sumOf(hosts, ({ dispatcher }) => dispatcher.waiting));
  gauges.queueCapacity.set(queueCapacity);
}

function setReadings(gauges: ModelMetrics, hosts: readonly ModelHost[]): void {
  const readings = hosts.map((host) => host.readings);
  gauges.engineRssBytes.set(sumOf(readings, ({ rssBytes }) => rssBytes));
  gauges.prefixStates.set(sumOf(readings, ({ prefixStates }) => prefixStates));
  gauges.prefixBytes.set(sumOf(readings, ({ prefixBytes }) => prefixBytes));
  gauges.contextCellsUsed.set(sumOf(readings, ({ cells }) => cells));
  gauges.threads.set(Math.max(...readings.map(({ threads }) => threads)));
  gauges.engineEventLoopUtilization.set(Math.max(...readings.map((one) => one.eventLoopUtilization)));
}

const statesInMemory: readonly ModelStateName[] = ["loading", "ready", "unloading"];
const isInMemory = ({ state }: ModelHost): boolean => statesInMemory.includes(state.name);
