// Tests the answers of a worker that starts: its port is open, but other parts are not ready.
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { deferred, systemClock } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type * as Front from "@waggle/front";
import { createTokenTable } from "@waggle/daemon/tokens";
import { createLogRing, createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { parseConfig } from "../config.ts";
import type { Daemon, startDaemon as StartDaemon } from "./daemon.ts";
import type * as Fleet from "../fleet/fleet-membership.ts";

interface Gate {
  readonly reached: Deferred<void>;
  readonly open: Deferred<void>;
}

const gates: { fleet?: Gate; secondPort?: Gate } = {};

async function pass(gate: Gate | undefined): Promise<void> {
  gate?.reached.resolve();
  await gate?.open.promise;
}

/** The daemon with gates in front of its fleet and its second port, in modules that no other test file shares. */
let startDaemon: typeof StartDaemon;
beforeAll(async () => {
  vi.resetModules();
  vi.doMock("../fleet/fleet-membership.ts", async (importOriginal) => {
    const { createFleetMembership } = await importOriginal<typeof Fleet>();
    const create: typeof createFleetMembership = (options) => ({
      ...createFleetMembership(options),
      join: async () => await pass(gates.fleet),
    });
    return { createFleetMembership: create };
  });
  vi.doMock("@waggle/front", async (importOriginal) => {
    const front = await importOriginal<typeof Front>();
    const listen: typeof front.listen = async (...args) => {
      // Only Ollama's port has a greeting.
      if (args[4] !== undefined) await pass(gates.secondPort);
      return await front.listen(...args);
    };
    return { ...front, listen };
  });
  ({ startDaemon } = await import("./daemon.ts"));
});
afterAll(() => {
  vi.doUnmock("../fleet/fleet-membership.ts");
  vi.doUnmock("@waggle/front");
  vi.resetModules();
});

const gate = (): Gate => ({ reached: deferred<void>(), open: deferred<void>() });

beforeEach(() => {
  gates.fleet = gate();
  gates.secondPort = gate();
});

let starting: Promise<Daemon> | undefined;
afterEach(async () => {
  gates.secondPort?.open.resolve();
  gates.fleet?.open.resolve();
  const daemon = await starting;
  daemon?.abort(0);
  await daemon?.stopped;
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** @returns the URL of the starting worker */
async function start(): Promise<string> {
  const port = await freePort();
  const parsed = parseConfig(
    ["--local-mode", "--backend", "fake", "--ollama", "--ollama-port", "0", "--port", String(port)],
    {},
  );
  if (parsed.kind === "exit") expect.fail(parsed.stderr);
  starting = startDaemon({
    logLines: createLogRing(),
    config: parsed.config,
    env: {},
    log: createLogger({ level: "silent", format: "json", name: "test" }),
    metrics: createWorkerMetrics(),
    clock: systemClock,
    tokens: () => createTokenTable([]),
    print: () => {},
  });
  return `http://127.0.0.1:${port}`;
}

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.text();
  return response.status;
}

test("metrics can be read while the worker joins the fleet", async () => {
  const url = await start();
  gates.secondPort?.open.resolve();
  await gates.fleet?.reached.promise;
  expect(await statusOf(`${url}/metrics`)).toBe(200);
});

test("the main port answers while Ollama's port is opened", async () => {
  const url = await start();
  await gates.secondPort?.reached.promise;
  const response = await fetch(`${url}/v1/info`);
  expect(await response.json()).toMatchObject({ url });
});
