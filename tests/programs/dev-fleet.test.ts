// Tests that `dev` runs a hive and its workers in one terminal, and that one Ctrl-C ends all of them.
import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createWorkerClient } from "@waggle/client";
import { HiveWorkersSchema } from "@waggle/protocol";
import { createLeftoverCheck, poll, repositoryPath } from "@waggle/testing/harness";
import { needs } from "@waggle/testing";
import { execa } from "execa";
import { describe, expect, it } from "vitest";

const command = ["--import", "tsx", "tools/xtask/src/main.ts", "dev"];

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
