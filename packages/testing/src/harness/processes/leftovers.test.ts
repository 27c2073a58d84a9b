// Tests that leftovers are found: a live process, a descendant outside of its group, a bound port.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { createLeftoverCheck } from "./leftovers.ts";
import { killProcess } from "./process-group.ts";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const { pid } of children.splice(0)) if (pid !== undefined) killProcess(-pid);
});

/** Starts a group leader that runs the script; resolves with the leader and the first line that it prints. */
async function lead(
  script: string,
): Promise<{ readonly leader: ChildProcess; readonly pid: number; readonly line: string }> {
  const leader = spawn(process.execPath, ["-e", script], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
  children.push(leader);
  const [line] = (await once(leader.stdout, "data")) as [Buffer];
  return { leader, pid: leader.pid ?? 0, line: line.toString().trim() };
}

const listening =
  'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => console.log(s.address().port));';

it("finds a live process and its port, and no leftovers after its exit", async () => {
  const { leader, pid, line } = await lead(listening);
  const leftovers = createLeftoverCheck(1_000);
  await leftovers.observe([pid]);
  const left = await leftovers.check();
  expect(left.processes.map((entry) => entry.pid)).toEqual([pid]);
  expect(left.ports).toEqual([Number(line)]);

  const exit = once(leader, "exit");
  killProcess(pid);
  await exit;
  expect(await leftovers.check()).toEqual({ processes: [], ports: [] });
});

it("finds a descendant in a separate group after its parent's exit", async () => {
  const { leader, pid, line } = await lead(`
    const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"],
      { detached: true, stdio: "ignore" });
    console.log(child.pid);
    process.stdin.resume();
    setInterval(() => {}, 1000);`);
  const leftovers = createLeftoverCheck(1_000);
  await leftovers.observe([pid]);
  const exit = once(leader, "exit");
  killProcess(pid);
  await exit;
  const left = await leftovers.check();
  killProcess(Number(line));
  expect(left.processes.map((entry) => entry.pid)).toEqual([Number(line)]);
});
