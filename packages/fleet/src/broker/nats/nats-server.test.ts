import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProcessGroups, isAlive, NatsServerMissingError, startNats } from "@waggle/testing/harness";
import { expectNoLeaks, needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";

const groups = createProcessGroups("nats-test");

/** The first line that a server sends. */
async function greeting(url: string): Promise<string> {
  const socket = createConnection(Number(new URL(url).port), "127.0.0.1");
  try {
    const [data] = (await once(socket, "data")) as [Buffer];
    return data.toString();
  } finally {
    socket.destroy();
  }
}

describe("a NATS server for tests", needs("nats-server"), () => {
  test("has JetStream, keeps its port after a stop and a kill, and leaves no resources behind", async () => {
    const nats = await startNats(groups);
    const { url, pid } = nats;
    expect(await greeting(url)).toContain('"jetstream":true');
    await nats.stop("SIGKILL");
    await expect(greeting(url)).rejects.toThrow("ECONNREFUSED");
    expect(await isAlive(pid)).toBe(false);
    await nats.start();
    await nats.start();
    expect(nats.url).toBe(url);
    expect(nats.pid).not.toBe(pid);
    expect(await greeting(url)).toContain('"jetstream":true');
    const last = nats.pid;
    await nats[Symbol.asyncDispose]();
    expect(await isAlive(last)).toBe(false);
  });

  test("reports why it did not start", async () => {
    const check = expectNoLeaks();
    const folder = mkdtempSync(join(tmpdir(), "waggle-nats-test-"));
    const configFile = join(folder, "nats.conf");
    writeFileSync(configFile, "no such thing {");
    await expect(startNats(groups, { configFile })).rejects.toThrow(
      /nats-server left with exit code 1: .*Parse error/s,
    );
    await check();
  });

  test("is reported as missing without a binary", async () => {
    await expect(startNats(groups, { program: "nats-server-of-nowhere" })).rejects.toThrow(NatsServerMissingError);
  });
});
