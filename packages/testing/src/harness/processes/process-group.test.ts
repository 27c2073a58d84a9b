// Tests process groups with real processes: output, exit, grandchildren, killing, and the record on disk.
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { createProcessGroups, type GroupSpec, type ProcessGroup } from "./process-group.ts";
import { familyOf, listProcesses } from "./processes.ts";

const groups = createProcessGroups("test");
afterEach(() => groups.killAll());

const idle = "setInterval(() => {}, 1000)";
/** Prints the id of a child that holds its stdout, as an engine might. */
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
  while ((await aliveIn(leader)) > 0) await pause(10);
}

describe("a process group", () => {
  it("tells lines of both outputs, and the exit after them", async () => {
    const lines: string[] = [];
    const group = await start('console.log("a\\nb"); console.error("c"); process.exitCode = 7', {
      onStdoutLine: (line) => lines.push(`out ${line}`),
      onLogLine: (line) => lines.push(`log ${line}`),
    });
    expect(await group.exited).toEqual({ code: 7, signal: null });
    expect(lines.toSorted()).toEqual(["log c", "out a", "out b"]);
  });

  it("has exited although a grandchild keeps the output open, and killAll ends that one too", async () => {
    const group = await start(`${withChild} setTimeout(() => process.exit(0), 50);`);
    expect(await group.exited).toEqual({ code: 0, signal: null });
    expect(await aliveIn(group.pid)).toBe(1);
    groups.killAll();
    await gone(group.pid);
  });

  it("signals the leader alone", async () => {
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

  it("shows in its command line who has started it", async () => {
    const group = await start(`${withChild} ${idle}`);
    const entry = (await listProcesses()).find(({ pid }) => pid === group.pid);
    expect(entry?.command).toContain(`started-by-test-${process.pid}-thing`);
  });

  it("cannot be started from a file that is not there", async () => {
    const command = ["/no/such/program"] as const;
    await expect(groups.start({ name: "thing", command, env: process.env })).rejects.toThrow(
      "Cannot start the thing: ",
    );
  });
});
