// Owns a worker process, a client for it, its metrics, and the id of its engine process.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { startDaemon, type Daemon, type DaemonSpec } from "./daemon.ts";
import { logged } from "./log.ts";
import { parseMetrics, type Metrics } from "../figures/metrics.ts";
import type { ProcessGroups } from "./process-group.ts";

export interface WorkerSpec extends Omit<DaemonSpec, "name"> {
  /** Resolve `startWorker` as soon as the port is open, while the model still loads. */
  readonly loading?: boolean;
  /** Start without --local-mode; `flags` configure the access. */
  readonly networkMode?: boolean;
  /** Longest wait for the address, and then for readiness; 120,000 by default. */
  readonly readyLimitMs?: number;
}

export interface Worker extends Daemon {
  readonly url: string;
  readonly client: WorkerClient;
  metrics(): Promise<Metrics>;
  /** Process id of the engine that was started last. */
  enginePid(): number;
}

const readyLimitMs = 120_000;

/** Starts a worker on a free port, with a log in JSON; `spec.flags` override this. @throws Error with the reason from the log of a failed start */
export async function startWorker(groups: ProcessGroups, spec: WorkerSpec): Promise<Worker> {
  const mode = spec.networkMode === true ? [] : ["--local-mode"];
  const flags = [...mode, "--port", "0", "--log-format", "json", ...spec.flags];
  const daemon = await startDaemon(groups, { ...spec, name: "worker", flags });
  const limit = { limitMs: spec.readyLimitMs ?? readyLimitMs };
  // Waits for lines of the log, not of stdout, so that the log's earlier lines about the engine have arrived too.
  const { url: address } = await daemon.log.line("the worker's address", logged("listening"), limit);
  if (spec.loading !== true) await daemon.log.line("the worker's readiness", logged("model_ready"), limit);
  const url = String(address);
  const client = createWorkerClient({ baseUrl: url });
  return {
    ...daemon,
    url,
    client,
    metrics: async () => parseMetrics(await client.metrics()),
    enginePid: () => Number(daemon.log.lines.findLast(logged("engine_start"))?.["engine_pid"]),
  };
}
