// Tests the everyday commands of xtask against real processes: dev runs both daemons and ends both; ports frees only what is ours;
// formats:check asks workers what llama.cpp expects.
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createLeftoverCheck, type LeftoverCheck } from "@waggle/harness";
import { execa } from "execa";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const source = ["--conditions=waggle-source", "--import", "tsx", "tools/xtask/src/main.ts"];

const xtask = (...args: string[]) =>
  execa(process.execPath, [...source, ...args], { cwd: root, reject: false, all: true });

/** Starts `dev` on free ports with the fake backend; resolves once it has told its URLs. */
async function dev(): Promise<{ run: ReturnType<typeof xtask>; leftovers: LeftoverCheck; ports: string[] }> {
  const run = xtask("dev", "--port", "0", "--hive-port", "0", "--", "--backend", "fake");
  let shown = "";
  await new Promise<void>((resolve, reject) => {
    run.stdout.on("data", (text) => {
      shown += String(text);
      if (shown.includes("curl -N") && shown.includes("model_ready")) resolve();
    });
    run.stdout.once("end", () => reject(new Error(`dev ended early: ${shown}`)));
  });
  const ports = [...shown.matchAll(/^ {2}(?:worker|hive) .*:(\d+)/gm)].map((match) => match[1] ?? "");
  const leftovers = createLeftoverCheck();
  await leftovers.observe([run.pid ?? 0]);
  return { run, leftovers, ports };
}

it("dev runs hive and worker with prefixed logs, and one Ctrl-C ends both", async () => {
  const { run, leftovers, ports } = await dev();
  expect(ports).toHaveLength(2);
  run.kill("SIGINT");
  const { stdout, exitCode } = await run;
  expect(stdout).toMatch(/^hive {4}│ .*deregistered/m);
  expect(stdout).toMatch(/^worker {2}│ .*stopped/m);
  expect(exitCode).toBe(0);
  expect(await leftovers.check()).toEqual({ processes: [], ports: [] });
});

it("ports lists what xtask started, frees it, and leaves everybody else's port alone", async () => {
  const foreign = createServer().listen(0, "127.0.0.1");
  await once(foreign, "listening");
  const foreignPort = String((foreign.address() as AddressInfo).port);
  const { run, leftovers, ports } = await dev();

  const listed = await xtask("ports");
  for (const port of ports)
    expect(listed.stdout).toMatch(new RegExp(`^${port} .*(hive|worker) of xtask ${run.pid}$`, "m"));
  expect(listed.stdout).not.toContain(foreignPort);

  const named = await xtask("ports", foreignPort);
  expect(named.stdout).toMatch(new RegExp(`^${foreignPort} +${process.pid} `, "m"));

  const freed = await xtask("ports", "--free", ...ports, foreignPort);
  expect(freed.stdout).toContain(`left alone: port ${foreignPort} is held by process ${process.pid}`);
  expect(freed.exitCode).toBe(1);
  await run;
  expect(await leftovers.check()).toEqual({ processes: [], ports: [] });
  expect(foreign.listening).toBe(true);
  foreign.close();
});

it("formats:check asks workers what llama.cpp expects of its templates, and says how many answers are as they should be", async () => {
  const names = ["openai-gpt-oss-120b", "Qwen3-Coder"];
  const { stdout, exitCode } = await xtask(
    "formats:check",
    ...names.flatMap((name) => ["--template", name]),
    "--sample",
    "6",
  );
  for (const name of names) expect(stdout).toMatch(new RegExp(`^${name} +6 +6 +6$`, "m"));
  expect(stdout).toMatch(/^all +12 +12 +12$/m);
  expect(stdout).toMatch(/^PASSED$/m);
  expect(exitCode).toBe(0);
});
