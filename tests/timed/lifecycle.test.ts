// Tests the start and the shutdown of a worker process: exit codes, ports, signals.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "@waggle/async";
import { createHiveClient } from "@waggle/client";
import { OpenAiErrorSchema } from "@waggle/protocol";
import { createGate, daemonCommand, isAlive, isOver, poll, type Gate } from "@waggle/testing/harness";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { killDaemons, runDaemon, spawnDaemon, spawnFakeWorker, type ListeningWorker } from "../support/daemon.ts";

afterEach(killDaemons);

describe("starting", () => {
  it("listens only on loopback in local mode", async () => {
    const worker = await spawnFakeWorker();
    expect(new URL(worker.url).hostname).toBe("127.0.0.1");
    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter((address) => address.family === "IPv4" && !address.internal);
    for (const { address } of outside) {
      await expect(fetch(`http://${address}:${new URL(worker.url).port}/livez`)).rejects.toThrow("fetch failed");
    }
  });

  it("requires a token in network mode, and reads the tokens again on SIGHUP", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waggle-"));
    const file = join(folder, "tokens");
    await writeFile(file, "alice:first-token-1\n");
    const worker = await spawnDaemon("worker", ["--port", "0", "--backend", "fake", "--api-token-file", file]);
    const status = async (token?: string) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      return (await fetch(`${worker.url}/v1/info`, { headers })).status;
    };
    expect([await status(), await status("wrong-token-1"), await status("first-token-1")]).toEqual([401, 401, 200]);
    await writeFile(file, "alice:second-token\n");
    worker.signal("SIGHUP");
    await worker.log.line("the reload of the tokens", (line) => line["msg"] === "tokens_reloaded");
    expect([await status("first-token-1"), await status("second-token")]).toEqual([401, 200]);
    expect(worker.log.text).not.toContain("wrong-token-1");
  });

  it("reads the tokens again on a SIGHUP that arrives before the port is open", async () => {
    await using starting = await startHeld();
    await writeFile(starting.tokens, "alice:second-token\n");
    starting.child.kill("SIGHUP");
    await starting.openPort();
    const { url } = (await starting.line()) as { url: string };
    const status = async (token: string) =>
      (await fetch(`${url}/v1/info`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect([await status("first-token-1"), await status("second-token")]).toEqual([401, 200]);
    starting.child.kill("SIGTERM");
    expect(await starting.exited).toBe(0);
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "exits with 0 on a %s that arrives before the port is open",
    async (signal) => {
      await using starting = await startHeld();
      starting.child.kill(signal);
      await starting.openPort();
      expect(await starting.exited).toBe(0);
    },
  );

  it.each([
    [["--alias", "bee=ant"], 'waggle-worker: Cannot serve two models as "bee".'],
    [["--alias", "status=ant"], 'waggle-worker: Cannot serve a model as "status": GET /v1/models/status is a route.'],
    [["--pin", "wasp"], "waggle-worker: Cannot use --pin: there is no model wasp. This worker serves bee, ant."],
  ])("exits with 64 and a reason if the models do not go together: %j", async (flags, why) => {
    const models = ["--model", "bee=b.gguf", "--model", "ant=a.gguf"];
    const { code, stderr } = await runDaemon("worker", [
      "--local-mode",
      "--backend",
      "fake",
      "--port",
      "0",
      ...models,
      ...flags,
    ]);
    expect([code, stderr]).toEqual([64, expect.stringContaining(why)]);
  });

  it("ends queued jobs and the progress stream if the model cannot be loaded, and exits with 75", async () => {
    using gate = await createGate("load");
    const fails = ["--fake-fail-load", "Cannot load model x.gguf: not a GGUF file"];
    const worker = await spawnDaemon("worker", ["--local-mode", "--port", "0", ...gate.flags, ...fails]);
    const [progress, job] = await Promise.all([
      fetch(`${worker.url}/v1/loading/progress`),
      fetch(`${worker.url}/v1/inference`, { method: "POST", body: '{"prompt":"a"}' }),
    ]);
    gate.open();
    const stream = await readAll(job);
    expect(await progress.text()).toContain('{"type":"failed","message":"Cannot load model x.gguf: not a GGUF file"}');
    expect(stream).toMatchObject({ broken: true });
    expect(stream.text).toContain('"code":"unavailable"');
    expect((await worker.exited).code).toBe(75);
    const errors = worker.log.lines.filter(({ level }) => level === "error");
    expect(errors).toEqual([
      expect.objectContaining({ event: "model_failed", reason: "Cannot load model x.gguf: not a GGUF file" }),
    ]);
  });
});

describe("shutting down", () => {
  let gate: Gate;
  beforeEach(async () => void (gate = await createGate()));
  afterEach(() => gate[Symbol.dispose]());

  /** The request of an answer that the worker collects. */
  const collect = (worker: ListeningWorker): Promise<Response> =>
    fetch(`${worker.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ messages: [{ role: "user", content: "tell me [eog:3]" }] }),
    });
  const busySlots = async (worker: ListeningWorker): Promise<number> => (await worker.client.health()).slots.busy;

  it("exits with 0 within a second on SIGTERM when idle, deregisters at the hive, and frees its port", async () => {
    const hive = await spawnDaemon("hive", ["--port", "0"]);
    const client = createHiveClient({ baseUrl: hive.url });
    const leave = async (): Promise<number> => {
      const worker = await spawnFakeWorker(["--hive-url", hive.url, "--worker-id", "w1"]);
      await poll("the hive to list the worker as ready", async () =>
        (await client.workers()).some(
          ({ worker_id, last_heartbeat }) => worker_id === "w1" && last_heartbeat?.state === "ready",
        ),
      );
      const startedAt = performance.now();
      worker.signal("SIGTERM");
      expect((await worker.exited).code).toBe(0);
      const tookMs = performance.now() - startedAt;
      expect(await client.workers()).toEqual([]);
      await expect(fetch(`${worker.url}/livez`)).rejects.toThrow("fetch failed");
      return tookMs;
    };
    // A pause of the machine makes one worker late, but not one after the other.
    const took = [];
    do took.push(await leave());
    while (took.length < 4 && isOver(Math.min(...took), 1_000));
    expect(isOver(Math.min(...took), 1_000), `${took.join(", ")} ms`).toBe(false);
  });

  it("finishes running jobs on SIGTERM, ends waiting ones as unavailable, and exits with 0", async () => {
    const worker = await spawnFakeWorker([...gate.flags, "--slots", "2"]);
    const running = fetch(`${worker.url}/v1/inference`, { method: "POST", body: '{"prompt":"a [eog:10]"}' });
    const collected = collect(worker);
    await poll("both to run", async () => (await busySlots(worker)) === 2);
    const waiting = await fetch(`${worker.url}/v1/inference`, { method: "POST", body: '{"prompt":"b"}' });
    worker.signal("SIGTERM");
    const queued = await readAll(waiting);
    expect(queued).toMatchObject({ broken: true });
    expect(queued.text).toContain('"code":"unavailable"');
    const refused = await fetch(`${worker.url}/v1/jobs`, { method: "POST", body: '{"prompt":"c"}' });
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).not.toBeNull();
    expect((await fetch(`${worker.url}/readyz`)).status).toBe(503);
    gate.open();
    expect((await collected).status).toBe(200);
    const finished = await readAll(await running);
    expect(finished).toMatchObject({ broken: false });
    expect(finished.text).toContain('"finish_reason":"stop"');
    expect((await worker.exited).code).toBe(0);
  });

  it("ends a collected answer with an error at a second signal", async () => {
    const worker = await spawnFakeWorker(gate.flags);
    const collected = collect(worker);
    await gate.held();
    worker.signal("SIGTERM");
    await worker.log.line("the drain", (line) => line["to"] === "draining");
    // The worker counts signals within 300 ms as one.
    await sleep(400);
    worker.signal("SIGTERM");
    const response = await collected;
    expect(response.status).toBe(503);
    expect(OpenAiErrorSchema.parse(await response.json()).error.code).toBe("unavailable");
    expect((await worker.exited).code).toBe(143);
  });

  it("drains on signals in quick succession, because one Ctrl-C may cause several", async () => {
    const worker = await spawnFakeWorker(gate.flags);
    const running = fetch(`${worker.url}/v1/inference`, { method: "POST", body: '{"prompt":"a [eog:40]"}' });
    await gate.held();
    // A stopped process gets all signals at once.
    for (const signal of ["SIGSTOP", "SIGINT", "SIGTERM", "SIGCONT"] as const) worker.signal(signal);
    await worker.log.line("the drain", (line) => line["to"] === "draining");
    gate.open();
    expect((await readAll(await running)).text).toContain('"finish_reason":"stop"');
    expect((await worker.exited).code).toBe(0);
  });

  it("leaves no engine behind when it is killed under load, and its streams break", async () => {
    const worker = await spawnFakeWorker(gate.flags);
    const { engine_pid: engine } = await worker.line("ready");
    expect(engine).toBeTypeOf("number");
    const running = await fetch(`${worker.url}/v1/inference`, { method: "POST", body: '{"prompt":"a"}' });
    await gate.held();
    worker.signal("SIGKILL");
    expect(await readAll(running)).toMatchObject({ broken: true });
    expect((await worker.exited).signal).toBe("SIGKILL");
    await poll("the engine to exit", async () => !(await isAlive(engine as number)));
  });

  it("keeps running when the reader of its stdout has exited", async () => {
    using loads = await createGate("load");
    const [program, ...entry] = daemonCommand("worker");
    const args = [...entry, "--local-mode", "--port", "0", ...loads.flags];
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
    const listening = await new Promise<string>((resolve) =>
      child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString())),
    );
    child.stdout.destroy();
    loads.open();
    const { url } = JSON.parse(listening.split("\n")[0] ?? "") as { url: string };
    await poll("the worker to be ready", async () => (await fetch(`${url}/readyz`)).status === 200);
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
  });
});

/** Starts a worker and stops it after it has read its settings and tokens, before it opens its port. */
async function startHeld() {
  const folder = await mkdtemp(join(tmpdir(), "waggle-"));
  const [tokens, held, opened] = ["tokens", "held", "opened"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(tokens, "alice:first-token-1\n");
  const hold = join(folder, "hold.mjs");
  await writeFile(
    hold,
    `import { existsSync, writeFileSync } from "node:fs";
import { Server } from "node:net";
const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
  writeFileSync(${JSON.stringify(held)}, "");
  const timer = setInterval(() => {
    if (!existsSync(${JSON.stringify(opened)})) return;
    clearInterval(timer);
    listen.apply(this, args);
  }, 10);
  return this;
};
`,
  );
  const [program, ...entry] = daemonCommand("worker", ["--import", hold]);
  const flags = ["--port", "0", "--backend", "fake", "--log-level", "silent", "--api-token-file", tokens];
  const child = spawn(program, [...entry, ...flags], { stdio: ["ignore", "pipe", "ignore"] });
  const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  await poll("the worker to be about to open its port", () => existsSync(held));
  return {
    child,
    exited,
    tokens,
    openPort: () => writeFile(opened, ""),
    line: () =>
      new Promise((resolve, reject) => {
        child.stdout.once("data", (chunk: Buffer) => resolve(JSON.parse(chunk.toString().split("\n")[0] ?? "")));
        void exited.then((how) => reject(new Error(`The worker exited with ${String(how)}`)));
      }),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** Reads the body to its end. `broken`: the connection broke before. */
async function readAll(response: Response): Promise<{ text: string; broken: boolean }> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { text, broken: false };
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    return { text, broken: true };
  }
}
