// Tests process groups with real processes: output, exit, grandchildren, killing, and the mark in the process table.
import { afterEach, describe, expect, it } from "vitest";
import { createProcessGroups, type GroupSpec, type ProcessGroup } from "./process-group.ts";
import { familyOf, listProcesses } from "./processes.ts";

const groups = createProcessGroups("test");
afterEach(() => groups.killAll());

const idle = "setInterval(() => {}, 1000)";
/** Starts a child that inherits stdout, as an engine does, and prints the child's id. */
const withChild = `
  const child = require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(idle)}], { stdio: "inherit" });
  console.log(child.pid);`;

function start(script: string, more: Partial<GroupSpec> = {}): Promise<ProcessGroup> {
  return groups.start({ name: "thing", command: [process.execPath, "-e", script], env: process.env, ...more });
}

async function aliveIn(leader: number): Promise<number> {
  return familyOf(await listProcesses(), [leader]).length;
}

async function gone(leader: number): Promise<void> {
  await expect.poll(() => aliveIn(leader)).toBe(0);
}

describe("a process group", () => {
  it("reports the lines of both outputs, then the exit", async () => {
    const lines: string[] = [];
    const group = await start('console.log("a\\nb"); console.error("c"); process.exitCode = 7', {
      onStdoutLine: (line) => lines.push(`out ${line}`),
      onLogLine: (line) => lines.push(`log ${line}`),
    });
    expect(await group.exited).toEqual({ code: 7, signal: null });
    expect(lines.toSorted()).toEqual(["log c", "out a", "out b"]);
  });

  it("reports the exit although a grandchild keeps the output open, and killAll kills the grandchild", async () => {
    const group = await start(`${withChild} setTimeout(() => process.exit(0), 50);`);
    expect(await group.exited).toEqual({ code: 0, signal: null });
    expect(await aliveIn(group.pid)).toBe(1);
    groups.killAll();
    await gone(group.pid);
  });

  it("sends signals to the leader only", async () => {
    let ready = (): void => {};
    const spawned = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const group = await start(`${withChild} ${idle}`, { onStdoutLine: ready });
    await spawned;
    group.signal("SIGTERM");
    expect(await group.exited).toEqual({ code: null, signal: "SIGTERM" });
    expect(await aliveIn(group.pid)).toBe(1);
  });

  it("ends with the process that started it, also if its program does not know Waggle's channel", async () => {
    const pids: string[] = [];
    const own = `import(${JSON.stringify(new URL("process-group.ts", import.meta.url).href)}).then(async (one) => {
      const spec = { name: "sleep", command: ["sleep", "1000"], env: process.env };
      console.log((await one.createProcessGroups("own").start(spec)).pid);
    })`;
    const command = [process.execPath, "--import", "tsx", "-e", own] as const;
    const owner = await groups.start({ name: "own", command, env: process.env, onStdoutLine: (pid) => pids.push(pid) });
    await expect.poll(() => pids.length).toBe(1);
    owner.signal("SIGKILL");
    await gone(Number(pids[0]));
  });

  it("shows its owner in the command line", async () => {
    const group = await start(`${withChild} ${idle}`);
    const entry = (await listProcesses()).find(({ pid }) => pid === group.pid);
    expect(entry?.command).toContain(`started-by-test-${process.pid}-thing`);
  });
});
