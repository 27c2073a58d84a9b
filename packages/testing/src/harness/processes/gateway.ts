// Owns a gateway that listens: a daemon with a client.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { startDaemon, type Daemon, type DaemonSpec } from "./daemon.ts";
import { logged } from "./log.ts";
import type { ProcessGroups } from "./process-group.ts";

export interface Gateway extends Daemon {
  readonly url: string;
  readonly client: WorkerClient;
}

const readyLimitMs = 120_000;

/** In local mode, on a free port, logging JSON; further flags win. Resolves when it listens. @throws Error with the reason from its log */
export async function startGateway(groups: ProcessGroups, spec: Omit<DaemonSpec, "name">): Promise<Gateway> {
  const flags = ["--local-mode", "--port", "0", "--log-format", "json", ...spec.flags];
  const daemon = await startDaemon(groups, { ...spec, name: "gateway", flags });
  const { url: address } = await daemon.log.line("the gateway's address", logged("listening"), {
    limitMs: readyLimitMs,
  });
  const url = String(address);
  return { ...daemon, url, client: createWorkerClient({ baseUrl: url }) };
}
