// Owns a gateway process and a client for it.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { startDaemon, type Daemon, type DaemonSpec } from "./daemon.ts";
import { logged } from "./log.ts";
import type { ProcessGroups } from "./process-group.ts";

export interface Gateway extends Daemon {
  readonly url: string;
  readonly client: WorkerClient;
}

const readyLimitMs = 120_000;

/** Starts a gateway in local mode, on a free port, with a log in JSON; `spec.flags` override this. @throws Error with the reason from its log */
export async function startGateway(groups: ProcessGroups, spec: Omit<DaemonSpec, "name">): Promise<Gateway> {
  const flags = ["--local-mode", "--port", "0", "--log-format", "json", ...spec.flags];
  const daemon = await startDaemon(groups, { ...spec, name: "gateway", flags });
  const { url: address } = await daemon.log.line("the gateway's address", logged("listening"), {
    limitMs: readyLimitMs,
  });
  const url = String(address);
  return { ...daemon, url, client: createWorkerClient({ baseUrl: url }) };
}
