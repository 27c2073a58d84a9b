// Tests the hive as a process: its start, its ports, its events, and how it ends.
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { createHiveClient, type HiveClient } from "@waggle/client";
import { daemonCommand, repositoryPath, waitFor } from "@waggle/testing/harness";
import { listPortsOf } from "@waggle/daemon/ports";
import { StdoutLineSchema, type Heartbeat, type HiveEvent, type Registration } from "@waggle/protocol";
import { afterEach, describe, expect, it } from "vitest";

/** A start on a busy machine. */
const startLimitMs = 120_000;
/** Longer than the wait for an exit. */
const longMs = 300_000;
const [program, ...hiveArguments] = daemonCommand("hive");

const state = {
  worker_id: "w1",
  url: "http://127.0.0.1:7701",
  model: "m",
  state: "ready" as const,
  slots: { total: 2, busy: 0 },
  queue: { depth: 0, capacity: 8 },
  version: "0.1.0",
};
const registration: Registration = { ...state, interval_ms: 100 };
const heartbeat: Heartbeat = { ...state, timestamp: "2026-11-02T10:00:00.000Z", health_status: "healthy", seq: 0 };

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

function start(
  args: readonly string[],
  stdio: StdioOptions = ["ignore", "pipe", "pipe"],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const child = spawn(program, [...hiveArguments, ...args], { stdio, env: { ...process.env, ...env } });
  children.push(child);
  return child;
}

/** The exit code of the process, or the signal that ended it. */
async function exitOf(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null) return child.exitCode;
  const [code, signal] = await waitFor("the hive to exit", once(child, "exit"));
  return code ?? signal;
}

type StartedHive = { readonly child: ChildProcess; readonly url: string; readonly hive: HiveClient };

async function startHive(...args: string[]): Promise<StartedHive> {
  return await startHiveWith({}, ...args);
}

async function startHiveWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<StartedHive> {
  const child = start(["--port", "0", "--faults", ...args], ["pipe", "pipe", "pipe", "ipc"], env);
  const lines = createInterface(child.stdout as Readable);
  const [line] = (await waitFor("the hive's start", once(lines, "line"), startLimitMs)) as [string];
  const { url, pid } = StdoutLineSchema.parse(JSON.parse(line));
  expect(pid).toBe(child.pid);
  return { child, url, hive: createHiveClient({ baseUrl: url }) };
}

async function next(events: AsyncIterator<HiveEvent>): Promise<HiveEvent> {
  const { done, value } = await waitFor("an event", events.next());
  if (done === true) throw new Error("The feed has ended");
  return value;
}

async function isFree(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  try {
    await once(socket, "connect");
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}

describe("the hive's process", () => {
  it("follows a worker from registered to gone, reports each event on the feed, and exits on SIGTERM while the feed is open", async () => {
    const { child, url, hive } = await startHive("--log-format", "json");
    expect(await listPortsOf([child.pid as number])).toEqual([Number(new URL(url).port)]);
    const feed = hive.events()[Symbol.asyncIterator]();
    expect(await next(feed)).toMatchObject({ type: "snapshot", workers: [] });
    await hive.register(registration);
    expect(await next(feed)).toMatchObject({ type: "registered", worker: { worker_id: "w1", liveness: "alive" } });
    await hive.heartbeat(heartbeat);
    // Without a heartbeat, the liveness changes with time: maybe before the first one, if this process pauses.
    const events = [await next(feed)];
    const isGone = (event?: HiveEvent): boolean => event?.type === "liveness" && event.liveness === "gone";
    while (!events.some(({ type }) => type === "heartbeat") || !isGone(events.at(-1))) events.push(await next(feed));
    expect(events).toContainEqual(expect.objectContaining({ type: "heartbeat", heartbeat }));
    expect(await hive.worker("w1")).toMatchObject({ liveness: "gone", heartbeats: 1, last_heartbeat: heartbeat });

    const log = text(child.stderr as Readable);
    child.kill("SIGTERM");
    expect(await exitOf(child)).toBe(0);
    expect(await isFree(url)).toBe(true);
    expect(await waitFor("the feed's end", feed.next())).toEqual({ done: true, value: undefined });
    expect(await log).toContain('"msg":"stopping"');
  });

  it("leaves at once on SIGINT while faults hold clients and a client does not read", async () => {
    const { child, url, hive } = await startHive();
    const reader = request(`${url}/v1/heartbeats/stream`).on("error", () => {});
    reader.end();
    const [response] = (await once(reader, "response")) as [Readable];
    response.pause();
    const failures: Promise<unknown>[] = [];
    for (const fault of [{ fault: "drop" }, { fault: "delay", delay_ms: longMs }] as const) {
      await hive.setFault({ ...fault, count: 1 });
      failures.push(hive.register(registration).catch((error: unknown) => error));
      // The fault is in force until a request has taken it.
      while ((await hive.fault()).fault !== "none") continue;
    }
    child.kill("SIGINT");
    expect(await exitOf(child)).toBe(0);
    for (const failure of failures) expect(await failure).toMatchObject({ code: "unavailable" });
    reader.destroy();
  });

  it("applies each fault over real connections", async () => {
    const { hive, url } = await startHive();
    const impatient = createHiveClient({ baseUrl: url, requestTimeoutMs: 100 });
    const unavailable = { code: "unavailable" };
    await hive.setFault({ fault: "refuse", count: 1 });
    await expect(hive.register(registration)).rejects.toMatchObject(unavailable);
    await hive.setFault({ fault: "drop", count: 1 });
    await expect(impatient.register(registration)).rejects.toMatchObject(unavailable);
    await hive.setFault({ fault: "delay", delay_ms: longMs, count: 1 });
    await expect(impatient.register(registration)).rejects.toMatchObject(unavailable);
    expect(await hive.workers()).toEqual([]);
    await hive.setFault({ fault: "500", count: 1 });
    await expect(hive.register(registration)).rejects.toMatchObject({ code: "internal" });
    await hive.register(registration);
    await hive.setFault({ fault: "forget" });
    await expect(hive.heartbeat(heartbeat)).rejects.toMatchObject({ code: "not_found" });
  });

  it("continues when stdin ends or no program reads its output, and leaves when its parent's channel closes", async () => {
    const { child, hive } = await startHive("--log-level", "debug");
    child.stdin?.end();
    child.stdout?.destroy();
    child.stderr?.destroy();
    await hive.register(registration);
    await hive.heartbeat(heartbeat);
    expect((await hive.worker("w1")).heartbeats).toBe(1);
    child.disconnect();
    expect(await exitOf(child)).toBe(0);
  });

  it("answers a malformed request with a typed error, and keeps running", async () => {
    const { url, hive } = await startHive();
    const raw = async (head: string): Promise<string> => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.end(`${head}\r\n\r\n`);
      return waitFor("an answer", text(socket));
    };
    expect(await raw("GET /v1/workers HTTP/1.0")).toMatch(/ 403 [^]*"code":"forbidden"/);
    expect(await raw("GET /v1/workers HTTP/1.1\r\nHost: a b\r\nConnection: close")).toMatch(
      / 400 [^]*"code":"invalid_argument"/,
    );
    expect(await raw("GET http://evil.example/v1/workers HTTP/1.1\r\nHost: evil.example\r\nConnection: close")).toMatch(
      / 403 /,
    );
    expect(await raw("nonsense")).toMatch(/ 400 /);
    expect(await hive.workers()).toEqual([]);
  });

  it("has a bin that prints version and help", async () => {
    const bin = repositoryPath("apps/mock-hive/bin/waggle-hive.js");
    for (const [flag, expected] of [
      ["--version", /^waggle-hive \d+\.\d+\.\d+\n$/],
      ["-h", /^Usage: waggle-hive[^]*\n  -h, --help [^]*\nExit codes:\n  0    success[^]*\n  69   [^]*\n$/],
      ["--help", /--faults/],
    ] as const) {
      const child = spawn(process.execPath, [bin, flag], { stdio: ["ignore", "pipe", "inherit"] });
      children.push(child);
      const printed = text(child.stdout);
      expect(await exitOf(child)).toBe(0);
      expect(await printed).toMatch(expected);
    }
  });
});
