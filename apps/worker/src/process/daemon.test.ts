import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { createServer, Server } from "node:net";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { createTokenTable } from "@waggle/daemon/tokens";
import { PortTakenError } from "@waggle/daemon/ports";
import { createLogRing, createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { parseConfig } from "../config.ts";
import { startDaemon } from "./daemon.ts";
import type { Daemon } from "./daemon.ts";

const prefixFolders = (): string[] =>
  ["/dev/shm", tmpdir()]
    .filter((parent) => existsSync(parent))
    .flatMap((parent) => readdirSync(parent).filter((name) => name.startsWith(`waggle-prefixes-${process.pid}-`)));

async function start(flags: readonly string[]): Promise<Daemon> {
  const parsed = parseConfig(flags, {});
  if (parsed.kind === "exit") expect.fail(parsed.stderr);
  return await startDaemon({
    logLines: createLogRing(),
    config: parsed.config,
    env: {},
    log: createLogger({ level: "silent", format: "json", name: "test" }),
    metrics: createWorkerMetrics(),
    clock: createFakeClock(),
    tokens: () => createTokenTable([]),
    print: () => {},
  });
}

test("a start whose port is taken leaves no KV folder", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  await expect(start(["--local-mode", "--port", String(port)])).rejects.toThrow(PortTakenError);
  holder.close();
  expect(prefixFolders()).toEqual([]);
});

test("a start on the port of another worker names its address and the way to a second one", async () => {
  const holder = createHttpServer((_, response) => response.end(JSON.stringify({ worker_id: "bee" })));
  holder.listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  const patience = vi.spyOn(AbortSignal, "timeout").mockReturnValue(new AbortController().signal);
  onTestFinished(() => patience.mockRestore());
  const error = await start(["--local-mode", "--port", String(port)]).catch((thrown: unknown) => thrown);
  holder.close();
  holder.closeAllConnections();
  const second = port === 65_535 ? port - 1 : port + 1;
  expect(error).toBeInstanceOf(PortTakenError);
  const { message } = error as Error;
  expect(message).toContain(`Waggle already runs there: http://127.0.0.1:${port}, process ${process.pid} (`);
  expect(message).toMatch(new RegExp(`\\)\\. For a second one: --port ${second}\\.$`));
});

test("a start whose Ollama port is taken leaves no port open", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  const listen = vi.spyOn(Server.prototype, "listen");
  onTestFinished(() => listen.mockRestore());
  const flags = ["--local-mode", "--port", "0", "--ollama", "--ollama-port", String(port)];
  await expect(start(flags)).rejects.toThrow(`127.0.0.1:${port}: the port is held by process ${process.pid}`);
  expect(listen.mock.contexts.map((server) => (server as Server).listening)).not.toContain(true);
  holder.close();
});
