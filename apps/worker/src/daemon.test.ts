import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { systemClock } from "@waggle/async";
import { PortTakenError, createTokenTable } from "@waggle/front";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";
import { startDaemon } from "./daemon.ts";

const prefixFolders = (): string[] =>
  ["/dev/shm", tmpdir()]
    .filter((parent) => existsSync(parent))
    .flatMap((parent) => readdirSync(parent).filter((name) => name.startsWith(`waggle-prefixes-${process.pid}-`)));

test("a start that finds its port taken leaves no prefix folder", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  const parsed = parseConfig(["--local-mode", "--port", String(port)], {});
  if (parsed.kind === "exit") expect.fail(parsed.stderr);
  const started = startDaemon({
    config: parsed.config,
    env: {},
    log: createLogger({ level: "silent", format: "json", name: "test" }),
    metrics: createWorkerMetrics(),
    clock: systemClock,
    tokens: () => createTokenTable([]),
    terminal: undefined,
    print: () => {},
  });
  await expect(started).rejects.toThrow(PortTakenError);
  holder.close();
  expect(prefixFolders()).toEqual([]);
});
