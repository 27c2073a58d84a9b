// Tests what ends with a thread that hangs or takes too much memory: its calls and its processes, and nothing else.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deferred } from "@waggle/async";
import { createFakeClock } from "@waggle/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startServer } from "./server-link.ts";
import type { ServerLink } from "./server-link.ts";

let folder: string;
const open: ServerLink[] = [];
/** The servers ignore the end of their input. They end here even if the code under test fails to end them. */
const servers: number[] = [];
let clock = createFakeClock();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-mcp-"));
  clock = createFakeClock();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((link) => link.close())).finally(() => {
    for (const pid of servers.splice(0)) if (isRunning(pid)) process.kill(pid, "SIGKILL");
  });
});

const thread = { name: "stuck-thread", caller: new URL("../testing/x.ts", import.meta.url).href };

async function start(): Promise<{ link: ServerLink; pid: number; ended: string[]; called: Promise<void> }> {
  const path = join(folder, "pid");
  const args = [
    "-e",
    `require("fs").writeFileSync(${JSON.stringify(path)}, String(process.pid)); setInterval(() => {}, 1e3)`,
  ];
  const transport = { kind: "stdio" as const, command: process.execPath, args, env: {} };
  const spec = { name: "odd", transport, alwaysAllow: new Set<string>() };
  const ended: string[] = [];
  const [ready, called] = [deferred<void>(), deferred<void>()];
  const link = startServer({
    ...{ spec, env: {}, version: "1", clock, thread },
    onTools: () => (ready.settled ? called : ready).resolve(),
    onEnded: (problem) => ended.push(problem),
  });
  open.push(link);
  await ready.promise;
  await expect.poll(() => textOf(path)).not.toBe("");
  const pid = Number(textOf(path));
  servers.push(pid);
  return { link, pid, ended, called: called.promise };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** A process that has ended may stay in the list until its parent has read its exit code. */
const isRunning = (pid: number): boolean => !/^State:\s+Z/m.test(textOf(`/proc/${pid}/status`) || "State: Z");
const never = new AbortController().signal;

it("a thread that confirms no cancel is killed with the server's processes", async () => {
  const { link, pid, ended } = await start();
  const outcomes = ["loop", "early"].map(
    async (tool) => await link.call(tool, {}, { signal: never, timeoutMs: 1_000 }),
  );
  clock.advance(1_000);
  expect(await Promise.all(outcomes)).toMatchObject([{ kind: "unknown" }, { kind: "unknown" }]);
  clock.advance(9_999);
  expect(isRunning(pid)).toBe(true);
  clock.advance(1);
  await expect.poll(() => ended).toEqual(["its thread ended"]);
  await expect.poll(() => isRunning(pid)).toBe(false);
});

it.each([
  ["loop", "unknown", /was lost during the call: the connection was closed/],
  ["early", "failed", /The call was not sent/],
])("a thread that hangs at a call (%s) does not keep the daemon from closing", async (tool, kind, why) => {
  const { link, pid, called } = await start();
  const outcome = link.call(tool, {}, { signal: never, timeoutMs: 60_000 });
  await called;
  const closed = link.close();
  expect(await outcome).toMatchObject({ kind, text: expect.stringMatching(why) as string });
  clock.advance(10_000);
  await closed;
  await expect.poll(() => isRunning(pid)).toBe(false);
});

it("a thread that takes too much memory ends with its calls and the server's processes", async () => {
  const { link, pid, ended } = await start();
  const outcome = await link.call("grow", {}, { signal: never, timeoutMs: 60_000 });
  expect(outcome).toMatchObject({ kind: "unknown", text: expect.stringMatching(/more than 256 MiB/) as string });
  expect(ended).toEqual(["its messages take more than 256 MiB of memory"]);
  await expect.poll(() => isRunning(pid)).toBe(false);
});
