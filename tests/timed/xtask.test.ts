// Tests commands of xtask with real processes: dev runs both daemons and ends both; the help lists each command.
import { join } from "node:path";
import { createLeftoverCheck, type LeftoverCheck } from "@waggle/testing/harness";
import { execa } from "execa";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const source = ["--import", "tsx", "tools/xtask/src/main.ts"];

const xtask = (...args: string[]) =>
  execa(process.execPath, [...source, ...args], { cwd: root, reject: false, all: true });

/** Starts `dev` on free ports with the fake backend; resolves when its URLs are shown. */
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

it("lists its commands, and names an unknown command in its error", async () => {
  const { stdout } = await xtask();
  for (const name of ["worker:test", "dev", "check", "docs", "pack", "engine:build", "model"])
    expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
  const { stdout: parts } = await xtask("check", "--help");
  for (const name of ["docs", "clients", "mcp", "package"]) expect(parts).toMatch(new RegExp(`^ {2}${name} `, "m"));
  const { stderr, exitCode } = await xtask("fly");
  expect(stderr).toMatch(/^xtask: Unknown command 'fly'.*xtask --help lists the commands/);
  expect(exitCode).toBe(64);
});
