// Owns the values computed from heartbeats: of one worker, of all workers together, and of each client. Pure.
import type { HiveGateway, LivenessState, WorkerLoad } from "@waggle/protocol";
import type { WorkerView } from "./hive-view.ts";

export interface WorkerFigures {
  readonly tokensPerSecond: number | undefined;
  /** Milliseconds, from the last heartbeat with a measurement. */
  readonly ttftP95: number | undefined;
  readonly itlP95: number | undefined;
  /** Since the worker's start. */
  readonly requests: number | undefined;
  readonly errors: number | undefined;
  readonly restarts: number | undefined;
  /** Busy share of the machine's CPUs, 0 to 1. */
  readonly cpu: number | undefined;
  /** Bytes. */
  readonly memory: number | undefined;
  readonly freeMemory: number | undefined;
  readonly gpu: WorkerLoad["gpu"];
}

export function figuresOf({ worker, samples, tokensPerSecond }: WorkerView): WorkerFigures {
  const load = worker.last_heartbeat?.load;
  const last = (latency: "ttft" | "itl"): number | undefined =>
    samples.findLast((sample) => sample.load?.[latency] !== undefined)?.load?.[latency]?.p95_ms ??
    load?.[latency]?.p95_ms;
  return {
    tokensPerSecond,
    ttftP95: last("ttft"),
    itlP95: last("itl"),
    requests: load?.requests.accepted,
    errors: load?.jobs.failed,
    restarts: load?.engine.deaths,
    cpu: load?.cpu.busy,
    memory: load === undefined ? undefined : load.memory.worker_bytes + load.memory.engine_bytes,
    freeMemory: load?.memory.free_bytes,
    gpu: load?.gpu,
  };
}

export interface Totals {
  readonly workers: Readonly<Record<LivenessState, number>>;
  /** This and all following values count only workers that are not gone. */
  readonly slots: { readonly busy: number; readonly total: number };
  /** Jobs that wait at workers and at gateways. */
  readonly queued: number;
  /** The part of `queued` at gateways. */
  readonly queuedAtGateways: number;
  readonly tokensPerSecond: number;
  /** Undefined if no worker reports it. */
  readonly requests: number | undefined;
  readonly errors: number | undefined;
  readonly restarts: number | undefined;
}

export function totalsOf(views: readonly WorkerView[], gateways: readonly HiveGateway[] = []): Totals {
  const here = views.filter(({ worker }) => worker.liveness !== "gone");
  const count = (liveness: LivenessState): number => views.filter(({ worker }) => worker.liveness === liveness).length;
  const figures = here.map(figuresOf);
  const known = (of: (one: WorkerFigures) => number | undefined): number | undefined => {
    const reported = figures.map(of).filter((value) => value !== undefined);
    return reported.length === 0 ? undefined : sum(reported);
  };
  const queuedAtGateways = sum(gateways.map(({ waiting = 0 }) => waiting));
  return {
    workers: { alive: count("alive"), stale: count("stale"), gone: count("gone") },
    slots: {
      busy: sum(here.map(({ worker }) => worker.slots.busy)),
      total: sum(here.map(({ worker }) => worker.slots.total)),
    },
    queued: sum(here.map(({ worker }) => worker.queue.depth)) + queuedAtGateways,
    queuedAtGateways,
    tokensPerSecond: known((one) => one.tokensPerSecond) ?? 0,
    requests: known((one) => one.requests),
    errors: known((one) => one.errors),
    restarts: known((one) => one.restarts),
  };
}

export interface ClientTotals {
  readonly client: string;
  readonly requests: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Usage of each client at all workers that are not gone, since each worker's start. The client with most tokens comes first. */
export function clientsOf(views: readonly WorkerView[]): readonly ClientTotals[] {
  const totals = new Map<string, ClientTotals>();
  for (const { worker } of views) {
    if (worker.liveness === "gone") continue;
    for (const { client, requests, prompt_tokens, completion_tokens } of worker.last_heartbeat?.load?.clients ?? []) {
      const known = totals.get(client);
      totals.set(client, {
        client,
        requests: (known?.requests ?? 0) + requests,
        promptTokens: (known?.promptTokens ?? 0) + prompt_tokens,
        completionTokens: (known?.completionTokens ?? 0) + completion_tokens,
      });
    }
  }
  const tokens = ({ promptTokens, completionTokens }: ClientTotals): number => promptTokens + completionTokens;
  return [...totals.values()].toSorted((a, b) => tokens(b) - tokens(a) || a.client.localeCompare(b.client));
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}
