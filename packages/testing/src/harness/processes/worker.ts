// Owns a worker that listens: a daemon with a client, its metrics, and what its log says of its engines.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { startDaemon, type Daemon, type DaemonSpec } from "./daemon.ts";
import { logged } from "./log.ts";
import { parseMetrics, type Metrics } from "../figures/metrics.ts";
import type { ProcessGroups } from "./process-group.ts";

export interface WorkerSpec extends Omit<DaemonSpec, "name"> {
  /** Resolve as soon as the port is open, while the model still loads. */
  readonly loading?: boolean;
  /** Not in local mode: its flags say who may come in. */
  readonly networkMode?: boolean;
  /** From its spawn until it is ready; a minute by default. */
  readonly readyLimitMs?: number;
}

export interface Worker extends Daemon {
  readonly url: string;
  readonly client: WorkerClient;
  metrics(): Promise<Metrics>;
  /** Of the newest engine. */
  enginePid(): number;
}

const readyLimitMs = 120_000;

/** In local mode unless it says otherwise, on a free port, logging JSON; further flags win. @throws Error with the reason from its log when it does not get ready */
export async function startWorker(groups: ProcessGroups, spec: WorkerSpec): Promise<Worker> {
  const mode = spec.networkMode === true ? [] : ["--local-mode"];
  const flags = [...mode, "--port", "0", "--log-format", "json", ...spec.flags];
  const daemon = await startDaemon(groups, { ...spec, name: "worker", flags });
  const limit = { limitMs: spec.readyLimitMs ?? readyLimitMs };
  // Its log, and not its lines on stdout: what it says of its engine has come by then too.
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
