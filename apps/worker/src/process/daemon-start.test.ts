// Tests the answers of a worker that starts: its port is open, but other parts are not ready.
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type * as Front from "@waggle/front";
import { createTokenTable } from "@waggle/daemon/tokens";
import { createLogRing, createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { parseConfig } from "../config.ts";
import type { Daemon, startDaemon as StartDaemon } from "./daemon.ts";
import type * as Fleet from "../fleet/fleet-membership.ts";

interface Gate {
  readonly reached: Deferred<void>;
  readonly open: Deferred<void>;
}

const gates: { fleet?: Gate; secondPort?: Gate } = {};
/** The address of the port that opens first. */
let mainPort: Deferred<string>;

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
      const server = await front.listen(...args);
      mainPort.resolve(server.url);
      return server;
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
  mainPort = deferred<string>();
});

let starting: Promise<Daemon> | undefined;
afterEach(async () => {
  gates.secondPort?.open.resolve();
  gates.fleet?.open.resolve();
  const daemon = await starting?.catch(() => undefined);
  daemon?.abort(0);
  await daemon?.stopped;
});

/** @returns the URL of the starting worker */
async function start(flags: readonly string[] = []): Promise<string> {
  const usual = ["--local-mode", "--backend", "fake", "--ollama", "--ollama-port", "0", "--port", "0"];
  const parsed = parseConfig([...usual, ...flags], {});
  if (parsed.kind === "exit") expect.fail(parsed.stderr);
  starting = startDaemon({
    logLines: createLogRing(),
    config: parsed.config,
    env: {},
    log: createLogger({ level: "silent", format: "json", name: "test" }),
    metrics: createWorkerMetrics(),
    clock: createFakeClock(),
    tokens: () => createTokenTable([]),
    print: () => {},
  });
  return await mainPort.promise;
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

test("a start that fails closes what its first requests have opened", async () => {
  const batches = mkdtempSync(join(tmpdir(), "waggle-start-"));
  const url = await start(["--batch-dir", batches]);
  gates.secondPort?.open.resolve();
  await gates.fleet?.reached.promise;
  const body = new FormData();
  body.set("purpose", "batch");
  body.set("file", new Blob(["{}"]), "lines.jsonl");
  expect((await fetch(`${url}/v1/files`, { method: "POST", body })).status).toBe(200);
  expect(readdirSync(batches)).toHaveLength(1);
  gates.fleet?.open.reject(new Error("no fleet"));
  await expect(starting).rejects.toThrow("no fleet");
  // The next start has another name, and would not find the folder.
  expect(readdirSync(batches)).toEqual([]);
  await expect(fetch(url)).rejects.toThrow("fetch failed");
});
