// Owns a gateway without processes and sockets, for tests: the daemon's composition over a fake fleet.
import { systemChance } from "@waggle/fleet";
import { createTokenTable } from "@waggle/daemon/tokens";
import { createPages } from "@waggle/daemon/pages";
import type { Traces } from "@waggle/daemon/traces";
import { createLogRing, createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import type { FakeClock } from "@waggle/testing";
import { parseConfig } from "../config.ts";
import type { GatewayConfig } from "../config.ts";
import { createGateway } from "../gateway.ts";
import type { Gateway } from "../gateway.ts";
import type { FakeFleet } from "./fake-fleet.ts";

export interface InlineGateway extends Gateway {
  readonly id: string;
  readonly clock: FakeClock;
  readonly logLines: readonly Record<string, unknown>[];
  post(path: string, body: unknown): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  delete(path: string): Promise<Response>;
}

const host = { host: "127.0.0.1:7710" };

export function createInlineGateway(
  fleet: FakeFleet,
  {
    id = "g1",
    process = id,
    clock = createFakeClock(),
    startedTraces,
    ...settings
  }: Partial<GatewayConfig> & { id?: string; process?: string; clock?: FakeClock; startedTraces?: Traces } = {},
): InlineGateway {
  const parsed = parseConfig(["--local-mode", "--nats-url", "nats://127.0.0.1:4222", "--gateway-id", id], {});
  if (parsed.kind === "exit") throw new Error(parsed.stderr);
  const config = { ...parsed.config, ...settings };
  const logLines: Record<string, unknown>[] = [];
  const gateway = createGateway({
    logLines: createLogRing(),
    config,
    side: fleet.side(process),
    pages: createPages({ folder: "/nowhere", routes: {} }),
    tokens: () => createTokenTable([]),
    drain: () => gateway.refuse(),
    url: () => "http://127.0.0.1:7710",
    log: createLogger({
      level: "debug",
      format: "json",
      name: "test",
      destination: { write: (line: string) => void logLines.push(JSON.parse(line) as Record<string, unknown>) },
    }),
    metrics: createWorkerMetrics(),
    traces: startedTraces,
    clock,
    chance: systemChance,
  });
  const request = async (path: string, init: RequestInit): Promise<Response> => await gateway.app.request(path, init);
  return {
    ...gateway,
    id,
    clock,
    logLines,
    post: (path, body) => request(path, { method: "POST", body: JSON.stringify(body), headers: host }),
    get: (path, headers = {}) => request(path, { headers: { ...host, ...headers } }),
    delete: (path) => request(path, { method: "DELETE", headers: host }),
  };
}
