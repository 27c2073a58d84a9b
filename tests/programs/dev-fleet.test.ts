// Tests that `dev` runs a hive and its workers in one terminal, and that one Ctrl-C ends all of them. Also tests that llm-d's router can find a
// worker: its endpoint is in the hive's file, and its load in the worker's metrics.
import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createWorkerClient } from "@waggle/client";
import { HiveWorkersSchema } from "@waggle/protocol";
import { createGate, createLeftoverCheck, parseMetrics, poll, repositoryPath } from "@waggle/testing/harness";
import { needs } from "@waggle/testing";
import { execa } from "execa";
import { afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { killDaemons, spawnDaemon, spawnFakeWorker } from "../support/daemon.ts";

const command = ["--import", "tsx", "tools/xtask/src/main.ts", "dev"];
afterEach(killDaemons);

const free = ["--port", "0", "--hive-port", "0", "--", "--backend", "fake"];
/** Time limit of the start of `dev`: four daemons from source, which take a minute on a busy machine. */
const startMs = 240_000;

it("dev runs a hive that knows each of the workers, and ends the hive and all workers", async () => {
  const run = execa(process.execPath, [...command, "--workers", "2", ...free], {
    cwd: repositoryPath(""),
    reject: false,
  });
  let shown = "";
  run.stdout.on("data", (text) => (shown += String(text)));
  const hiveUrl = (): string => /^ {2}hive +(http:\S+)/m.exec(shown)?.[1] ?? "";
  await poll("the hive's address", () => hiveUrl() !== "", startMs);
  const ready = async (): Promise<boolean> => {
    const response = await fetch(`${hiveUrl()}/v1/workers`);
    const { workers } = HiveWorkersSchema.parse(await response.json());
    return workers.filter(({ state }) => state === "ready").length === 2;
  };
  await poll("both workers to be ready", ready, startMs);
  // The hive may know a worker before `dev` has passed the worker's lines on.
  await poll("a line of each worker", () => /^bee-1 {3}│ /m.test(shown) && /^bee-2 {3}│ /m.test(shown));
  await poll("the example", () => /curl -N http:\S+\/v1\/inference/.test(shown));
  const leftovers = createLeftoverCheck();
  await leftovers.observe([run.pid ?? 0]);
  run.kill("SIGINT");
  const { stdout, exitCode } = await run;
  expect(stdout.match(/deregistered/g)?.length).toBeGreaterThanOrEqual(2);
  expect(exitCode).toBe(0);
  expect(await leftovers.check()).toEqual({ processes: [], ports: [] });
});

describe("with --nats", needs("nats-server"), () => {
  it("dev has one address for all workers, and ends nats-server too", async () => {
    const scratch = await mkdtemp(join(tmpdir(), "waggle-"));
    const flags = ["--nats", "--workers", "2", "--gateway-port", "0", ...free];
    const env = { TMPDIR: scratch };
    const run = execa(process.execPath, [...command, ...flags], { cwd: repositoryPath(""), reject: false, env });
    let shown = "";
    run.stdout.on("data", (text) => (shown += String(text)));
    const gateway = (): string => /^ {2}gate-1 +(http:\S+)/m.exec(shown)?.[1] ?? "";
    await poll("the gateway's address", () => gateway() !== "", startMs);
    await poll(
      "both workers at the gateway",
      async () => {
        const { slots } = await createWorkerClient({ baseUrl: gateway() }).health();
        return slots.total === 16;
      },
      startMs,
    );
    await poll("the example", () => shown.includes(`curl -N ${gateway()}/v1/inference`));
    const leftovers = createLeftoverCheck();
    await leftovers.observe([run.pid ?? 0]);
    run.kill("SIGINT");
    expect((await run).exitCode).toBe(0);
    expect(await leftovers.check()).toEqual({ processes: [], ports: [] });
    expect((await readdir(scratch)).filter((name) => name.startsWith("waggle-"))).toEqual([]);
  });
});

it("shows llm-d's router a ready worker with its load, and removes a worker that has exited", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waggle-"));
  const file = join(folder, "endpoints.yaml");
  const endpoints = async (): Promise<unknown> => {
    const { endpoints: listed } = parse(await readFile(file, "utf8")) as { endpoints: unknown };
    return listed;
  };
  const hive = await spawnDaemon("hive", ["--port", "0", "--endpoints-file", file]);
  await poll(
    "an endpoints file without workers",
    async () => JSON.stringify(await endpoints().catch(() => "none yet")) === "[]",
  );
  using gate = await createGate();
  const held = [...gate.flags, "--slots", "1", "--context-size", "2048"];
  const worker = await spawnFakeWorker(["--hive-url", hive.url, "--worker-id", "w1", ...held]);
  await poll("the worker in the endpoints file", async () => JSON.stringify(await endpoints()) !== "[]");
  const labels = { "llm-d.ai/engine-type": "vllm", model: "waggle-fake" };
  expect(await endpoints()).toEqual([{ name: "w1", address: "127.0.0.1", port: new URL(worker.url).port, labels }]);

  const job = { prompt: "a tale of bees" };
  const jobs = [await worker.client.createJob(job), await worker.client.createJob(job)];
  const load = async (): Promise<readonly number[]> => {
    const scrape = parseMetrics(await worker.client.metrics());
    const names = ["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"];
    return names.map((name) => scrape.sum(`vllm:${name}`, { model_name: "waggle-fake" }));
  };
  await poll("the load of one running and one waiting job", async () => {
    // The engine says now and then, between steps, what its slots hold.
    gate.step(4);
    const [running, waiting, cells = 0] = await load();
    return running === 1 && waiting === 1 && cells > 0.05;
  });
  for (const { job_id: id } of jobs) void worker.client.cancelJob(id);
  gate.open();
  await poll("the load to be 0", async () => (await load()).every((figure) => figure === 0));
  worker.signal("SIGTERM");
  expect((await worker.exited).code).toBe(0);
  await poll("the worker to leave the endpoints file", async () => JSON.stringify(await endpoints()) === "[]");
  hive.signal("SIGTERM");
  expect((await hive.exited).code).toBe(0);
  expect(await readFile(file, "utf8")).toBe("endpoints: []\n");
});
