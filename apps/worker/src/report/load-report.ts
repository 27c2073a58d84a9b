// Owns the worker's report of its load, for operators. Counts are since the process began. Latencies and CPU use are since the last report
// to the same receiver.
import { cpus, totalmem } from "node:os";
import type { CpuInfo } from "node:os";
import type { ClientAccounts } from "@waggle/front";
import { heartbeatClientsLimit } from "@waggle/protocol";
import type { ClientUsage, WorkerLoad } from "@waggle/protocol";
import type { WorkerMetrics } from "@waggle/telemetry";
import type { EngineReadings } from "../engine/engine-metrics.ts";
import { busyShareOf, sumOfTimes } from "../engine/free-cores.ts";

export interface MachineReadings {
  cores(): readonly Pick<CpuInfo, "times">[];
  memory(): WorkerLoad["memory"];
}

export interface LoadReportOptions {
  readonly accounts: Pick<ClientAccounts, "report">;
  readonly metrics: Pick<WorkerMetrics, "latencies">;
  /** For each model: the last report of its engine, and how often engines started and died. */
  readonly engines: () => readonly {
    readonly readings: EngineReadings;
    readonly starts: number;
    readonly deaths: number;
  }[];
  readonly machine?: MachineReadings;
}

/** Each call makes the reports of one receiver. */
export function createLoadReports(options: LoadReportOptions): () => () => WorkerLoad {
  const { accounts, metrics, engines, machine = thisMachine } = options;
  return () => {
    const ttft = metrics.latencies.ttft.window();
    const itl = metrics.latencies.itl.window();
    const busy = createBusyShare(machine);
    return () => {
      const { since, clients } = accounts.report();
      const running = engines();
      const sum = (count: (engine: (typeof running)[number]) => number): number =>
        running.reduce((all, engine) => all + count(engine), 0);
      const latencies = { ttft: ttft(), itl: itl() };
      const gpu = running.find(({ readings }) => readings.gpu !== undefined)?.readings.gpu;
      return {
        started_at: since,
        ...countsOf(clients),
        engine: { starts: sum(({ starts }) => starts), deaths: sum(({ deaths }) => deaths) },
        ...(latencies.ttft === undefined ? {} : { ttft: latencies.ttft }),
        ...(latencies.itl === undefined ? {} : { itl: latencies.itl }),
        cpu: { cores: machine.cores().length, busy: busy() },
        memory: { ...machine.memory(), engine_bytes: sum(({ readings }) => readings.rssBytes) },
        ...(gpu === undefined
          ? {}
          : { gpu: { name: gpu.name, used_bytes: gpu.usedBytes, total_bytes: gpu.totalBytes } }),
        clients: clientsOf(clients),
      };
    };
  };
}

const thisMachine: MachineReadings = {
  cores: cpus,
  memory: () => ({
    worker_bytes: process.memoryUsage.rss(),
    engine_bytes: 0,
    free_bytes: process.availableMemory(),
    // `constrainedMemory` is a container's limit; without a limit it is 0 or a huge number.
    total_bytes: Math.min(process.constrainedMemory() || Infinity, totalmem()),
  }),
};

function countsOf(clients: readonly ClientUsage[]): Pick<WorkerLoad, "requests" | "jobs" | "tokens"> {
  const sum = (count: (client: ClientUsage) => number): number =>
    clients.reduce((all, client) => all + count(client), 0);
  return {
    requests: { accepted: sum(({ requests }) => requests.accepted), refused: sum(({ requests }) => requests.refused) },
    jobs: {
      finished: sum(({ jobs }) => jobs.finished),
      failed: sum(({ jobs }) => jobs.failed),
      cancelled: sum(({ jobs }) => jobs.cancelled),
    },
    tokens: sum((client) => client.completion_tokens),
  };
}

/** The clients with the highest use, highest first; clients without use are left out. */
function clientsOf(clients: readonly ClientUsage[]): NonNullable<WorkerLoad["clients"]> {
  const clientTokens = (client: ClientUsage): number => client.prompt_tokens + client.completion_tokens;
  return clients
    .filter((client) => clientTokens(client) + client.requests.accepted > 0)
    .toSorted((a, b) => clientTokens(b) - clientTokens(a))
    .slice(0, heartbeatClientsLimit)
    .map(({ client, requests, prompt_tokens, completion_tokens }) => ({
      client: client.slice(0, 64),
      requests: requests.accepted,
      prompt_tokens,
      completion_tokens,
    }));
}

/** Busy share of all cores since the last call, 0 to 1. Repeats the last value while the system's counts are unchanged. */
function createBusyShare({ cores }: MachineReadings): () => number {
  let before = sumOfTimes(cores());
  let share = 0;
  return () => {
    const now = sumOfTimes(cores());
    share = busyShareOf(before, now) ?? share;
    before = now;
    return share;
  };
}
