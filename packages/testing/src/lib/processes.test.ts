import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { TimeoutError } from "@waggle/async";
import { listDescendants, parseProcStat, parsePs, processAlive, waitForGone } from "./processes.ts";

// Starts a grandchild, prints its id, and waits; ends with its stdin, so that it cannot outlive this test.
const parentScript = `
  const { spawn } = require("node:child_process");
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["inherit", "ignore", "ignore"] });
  process.stdin.on("end", () => process.exit()).resume();
  console.log(child.pid);
`;

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.stdin?.end();
});

async function startFamily(): Promise<{ child: ChildProcess; pid: number; grandchild: number }> {
  const child = spawn(process.execPath, ["-e", parentScript], { stdio: ["pipe", "pipe", "inherit"] });
  started.push(child);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, pid: child.pid ?? 0, grandchild: Number(line.toString()) };
}

describe("processes", () => {
  it("finds a family while it lives, and notices when it is gone", async () => {
    const { child, pid, grandchild } = await startFamily();
    expect(await listDescendants(pid)).toEqual([grandchild]);
    expect(await listDescendants(process.pid)).toEqual(expect.arrayContaining([pid, grandchild]));
    expect([pid, grandchild].map(processAlive)).toEqual([true, true]);
    child.stdin?.end();
    await waitForGone([pid, grandchild], 5_000);
    expect([pid, grandchild].map(processAlive)).toEqual([false, false]);
    expect(await listDescendants(pid)).toEqual([]);
  });

  it("names who is still alive when the time is over", async () => {
    const gone = waitForGone([process.pid, 2 ** 30], 50);
    await expect(gone).rejects.toThrow(`Processes are still alive after 50 ms: ${process.pid}`);
    await expect(gone).rejects.toBeInstanceOf(TimeoutError);
  });

  it.runIf(process.platform === "linux")("takes a zombie for gone", async () => {
    // The shell becomes `cat`, which collects no children; it echoes once it has. Then the other one may end.
    const child = spawn("sh", ["-c", "cat <&3 & echo $!; exec cat"], { stdio: ["pipe", "pipe", "inherit", "pipe"] });
    started.push(child);
    const [input, output, , gate] = child.stdio as unknown as [Writable, Readable, null, Writable];
    const [line] = (await once(output, "data")) as [Buffer];
    input.write("echo");
    await once(output, "data");
    gate.end();
    const zombie = Number(line.toString());
    await waitForGone([zombie], 5_000);
    expect(process.kill(zombie, 0)).toBe(true);
    expect(await listDescendants(child.pid ?? 0)).toEqual([]);
  });

  it("takes a process that never was for gone", async () => {
    expect(processAlive(2 ** 30)).toBe(false);
    await waitForGone([2 ** 30], 0);
  });
});

describe("parseProcStat", () => {
  it("reads past a name with spaces and parentheses", () => {
    expect(parseProcStat("42 (a (b) c) S 7 42 42 0 -1")).toEqual({ pid: 42, parent: 7, zombie: false });
  });

  it("knows a zombie", () => {
    expect(parseProcStat("42 (node) Z 7 42")).toMatchObject({ zombie: true });
  });

  it("gives nothing for an empty text", () => {
    expect(parseProcStat("")).toBeUndefined();
  });
});

describe("parsePs", () => {
  it("reads one entry a line", () => {
    expect(parsePs("  1     0 Ss\n 42    1 Z+\n\n")).toEqual([
      { pid: 1, parent: 0, zombie: false },
      { pid: 42, parent: 1, zombie: true },
    ]);
  });
});
