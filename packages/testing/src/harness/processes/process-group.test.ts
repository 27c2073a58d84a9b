// Tests process groups with real processes: whom a signal reaches, and that a group ends with its owner.
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
});
