// Tests the engine process from outside: crashes, hangs and messages that the worker and its engine must survive.
import { fork, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { withTimeout } from "@waggle/async";
import { createWorkerClient } from "@waggle/client";
import { daemonCommand, poll, repositoryPath } from "@waggle/testing/harness";
import { afterEach, describe, expect, it } from "vitest";
import { killDaemons, spawnFakeWorker } from "../support/daemon.ts";

const children = new Set<ChildProcess>();
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await killDaemons();
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});

const readyz = async (url: string): Promise<number> => (await fetch(`${url}/readyz`)).status;

describe("the worker", () => {
  it("replaces an engine that is stopped while it is idle", async () => {
    const worker = await spawnFakeWorker(["--watchdog-timeout", "1s"]);
    const { engine_pid: engine } = await worker.line("ready");
    process.kill(engine as number, "SIGSTOP");
    const death = await worker.log.line("the engine's death", (line) => line["event"] === "engine_died");
    expect(death).toMatchObject({ death: "hung", reason: expect.stringContaining("while it was idle") });
    await worker.log.line(
      "the start of the next engine",
      (line) => line["msg"] === "engine_start" && line["start"] === 2,
    );
    await poll("the worker to be ready", async () => (await readyz(worker.url)) === 200);
    const events = [];
    for await (const event of worker.client.inference({ prompt: "a", max_tokens: 2 })) events.push(event.type);
    expect(events.at(-1)).toBe("end");
  });

  it("retries to start an engine when no file descriptors were free", async () => {
    const args = ["--local-mode", "--port", "0", "--backend", "fake", "--log-format", "json"];
    const worker = spawn(
      "/bin/sh",
      // Node opens many files at the same time when it loads the worker's modules. The limit is high enough for that.
      ["-c", 'ulimit -n 300; exec "$@"', "sh", ...daemonCommand("worker"), ...args],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    children.add(worker);
    let log = "";
    worker.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
    let lines = "";
    worker.stdout.on("data", (chunk: Buffer) => (lines += chunk.toString()));
    const limitMs = 120_000;
    await poll("the worker to be ready", () => lines.includes('"ready"'), limitMs).catch(() => expect.fail(log));
    const ready = JSON.parse(lines.split("\n")[1] ?? "") as { url: string; engine_pid: number };
    await takeAllDescriptors(ready.url);
    process.kill(ready.engine_pid, "SIGKILL");
    const failed = (): boolean => log.includes("start_failed");
    await poll("an engine that fails to start", failed, limitMs).catch(() => expect.fail(log));
    for (const socket of sockets) socket.destroy();
    await poll("the worker to be ready", async () => (await readyz(ready.url)) === 200);
    const { engine } = await createWorkerClient({ baseUrl: ready.url }).health();
    expect(engine.starts).toBe(2);
    expect(worker.exitCode).toBeNull();
  });
});

/** Opens connections until the worker has no descriptors left and closes a new connection at once. */
async function takeAllDescriptors(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  for (let kept = 0; kept < 400; kept += 1) {
    const socket = connect(Number(port), hostname);
    sockets.add(socket);
    const closed = new Promise<"closed">((resolve) => socket.once("close", () => resolve("closed")));
    socket.on("error", () => {});
    // The first request's answer shows that the connection was accepted. The unfinished second request keeps the worker from closing it as idle.
    const answered = new Promise<"answered">((resolve) => socket.once("data", () => resolve("answered")));
    socket.write("GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\nGET /livez");
    if (
      (await withTimeout(
        Promise.race([closed, answered]),
        60_000,
        "The worker neither answered nor closed the connection",
      )) === "closed"
    )
      return;
  }
  throw new Error("The worker never ran out of descriptors");
}

describe("the engine process", () => {
  it("survives an unhandled rejection, which a library may cause", async () => {
    const engine = startEngine('process.on("SIGUSR2", () => Promise.reject(Error("lost")))');
    await engine.received("ready");
    engine.signal("SIGUSR2");
    expect(await engine.received("log")).toMatchObject({ level: "error" });
    engine.send({ type: "query", id: "q1", question: { kind: "detokenize", tokens: [1] } });
    expect(await engine.received("query_result")).toMatchObject({ id: "q1", answer: { kind: "detokenize" } });
  });

  it("reports an uncaught error before it exits", async () => {
    const engine = startEngine('process.on("SIGUSR2", () => { throw Error("lost"); })');
    await engine.received("ready");
    engine.signal("SIGUSR2");
    expect(await engine.received("broken")).toMatchObject({ message: "lost" });
    expect(await engine.exited).toBe("SIGKILL");
  });

  it("survives a command that makes it throw; only this command fails", async () => {
    // Simulates a defect that affects one job only.
    const engine = startEngine(`
      const { has } = Map.prototype;
      Map.prototype.has = function (key) {
        if (key === "j1") throw new Error("a defect");
        return has.call(this, key);
      };`);
    await engine.received("ready");
    engine.send({ type: "start", prepared: "j1", choices: [{ jobId: "j1", choice: 0 }] });
    const { events } = await engine.received("step");
    expect(events).toMatchObject([{ type: "failed", jobId: "j1", code: "engine_failed" }]);
    engine.send({ type: "query", id: "q1", question: { kind: "detokenize", tokens: [1] } });
    expect(await engine.received("query_result")).toMatchObject({ id: "q1", answer: { kind: "detokenize" } });
  });

  it("survives an event that cannot be serialized: its jobs fail, and the next job runs", async () => {
    // Sending an event with a token of job j1 throws, as JSON.stringify does for a text that is too long.
    const engine = startEngine(`
      const send = process.send.bind(process);
      process.send = (event, ...rest) => {
        if (JSON.stringify(event).includes('"type":"token","jobId":"j1"')) throw new RangeError("Invalid string length");
        return send(event, ...rest);
      };`);
    await engine.received("ready");
    const prompt = { kind: "text", text: "a [eog:5]" };
    const work = { kind: "generate", prompt, choices: 1, maxTokens: 5, stop: [], sampling: {} };
    const run = (jobId: string): void => {
      engine.send({ type: "prepare", job: { jobId, work, cacheScope: "", priority: 0 } });
      engine.send({ type: "start", prepared: jobId, choices: [{ jobId, choice: 0 }] });
    };
    const ended = (jobId: string) =>
      engine.events
        .flatMap(({ events }) => (events as { jobId: string; type: string; message?: string }[] | undefined) ?? [])
        .find((event) => event.jobId === jobId && !["started", "token"].includes(event.type));
    run("j1");
    await poll("the end of the first job", () => ended("j1") !== undefined);
    expect(ended("j1")).toMatchObject({ type: "failed", code: "engine_failed" });
    expect(ended("j1")?.message).toContain("Invalid string length");
    run("j2");
    await poll("the end of the second job", () => ended("j2") !== undefined);
    expect(ended("j2")).toMatchObject({ type: "finished" });
  });
});

type EngineMessage = Record<string, unknown> & { readonly type: string };

/** @param before JavaScript that runs in the process before the engine's code */
function startEngine(before = "") {
  const preload = ["--import", `data:text/javascript,${encodeURIComponent(before)}`];
  const child = fork(repositoryPath("apps/worker/dist/engine/engine-main.js"), [], {
    execArgv: preload,
    stdio: ["ignore", "ignore", "ignore", "ipc", "pipe"],
    serialization: "json",
  });
  children.add(child);
  const events: EngineMessage[] = [];
  child.on("message", (event) => events.push(event as EngineMessage));
  const fake = { stepDelayMs: 0, loadDelayMs: 0 };
  child.send({ type: "load", backend: "fake", settings: { slots: 2, threads: 1 }, maxThreads: 1, fake });
  return {
    events,
    send: (command: object) => void child.send(command),
    signal: (name: NodeJS.Signals) => void child.kill(name),
    exited: new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal))),
    async received(type: string): Promise<EngineMessage> {
      await poll("a message from the engine", () => events.some((event) => event.type === type));
      return events.find((event) => event.type === type) ?? expect.fail();
    },
  };
}
