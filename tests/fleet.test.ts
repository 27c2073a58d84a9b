// Shows that fleet runs a hive and its workers in one terminal, and that one Ctrl-C leaves nothing of them.
import { join } from "node:path";
import { HiveWorkersSchema } from "@waggle/protocol";
import { createLeftoverCheck } from "@waggle/harness";
import { execa } from "execa";
import { expect, it } from "vitest";
import { waitUntil } from "./support/wait.ts";

const root = join(import.meta.dirname, "..");
const command = ["--conditions=waggle-source", "--import", "tsx", "tools/xtask/src/main.ts", "fleet"];
const free = ["--port", "0", "--hive-port", "0", "--", "--backend", "fake"];

it("runs a hive that knows each of its workers, and ends them all", async () => {
  const run = execa(process.execPath, [...command, "--workers", "2", ...free], { cwd: root, reject: false });
  let shown = "";
  run.stdout.on("data", (text) => (shown += String(text)));
  const hiveUrl = (): string => /^ {2}hive +(http:\S+)/m.exec(shown)?.[1] ?? "";
  await waitUntil(() => hiveUrl() !== "", 60_000);
  await waitUntil(async () => {
    const response = await fetch(`${hiveUrl()}/v1/workers`);
    const { workers } = HiveWorkersSchema.parse(await response.json());
    return workers.filter(({ state }) => state === "ready").length === 2;
  });
  expect(shown).toMatch(/^bee-1 {3}│ /m);
  expect(shown).toMatch(/^bee-2 {3}│ /m);
  const leftovers = createLeftoverCheck();
  await leftovers.observe([run.pid ?? 0]);
  run.kill("SIGINT");
  const { stdout, exitCode } = await run;
  expect(stdout.match(/deregistered/g)?.length).toBeGreaterThanOrEqual(2);
  expect(exitCode).toBe(0);
  expect(await leftovers.check()).toEqual({ processes: [], ports: [] });
});

it("refuses a number of workers that makes no sense", async () => {
  const { exitCode, stderr } = await execa(process.execPath, [...command, "--workers", "0"], {
    cwd: root,
    reject: false,
  });
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain("from 1 to 32");
});
