// Tests a real process: which log lines survive an exit, a broken pipe and a stalled reader, and that no handle keeps the process alive.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, expect, test } from "vitest";
import { maxPendingLogBytes } from "./log-sink.ts";

const root = resolve(import.meta.dirname, "../../..");
const index = JSON.stringify(new URL("./index.ts", import.meta.url).href);

const children: ChildProcess[] = [];
// With an empty cache, tsx starts its compiler: a child that inherits stderr and makes stderr blocking again.
const coldCache = mkdtempSync(join(tmpdir(), "waggle-telemetry-"));

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/**
 * Runs a script with a `logger`. Its stderr is not read before `read()`: earlier output waits in the pipe, and then in the process.
 */
function start(format: "json" | "pretty", body: string, env: Record<string, string> = {}) {
  const code = `const { createLogger, createWorkerMetrics } = await import(${index});
    const logger = createLogger({ level: "info", format: "${format}", name: "child" });
    ${body}`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", code];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let log = "";
  // The listener is added at the start, because Node discards data without a listener when a child exits.
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (log += chunk));
  child.stderr.pause();
  return {
    child,
    ended: once(child, "close").then(([status]: unknown[]) => status),
    /** The first output on stdout, or "" when the script ended without output. */
    printed: Promise.race([once(child.stdout, "data").then(String), once(child, "close").then(() => "")]),
    read: () => child.stderr.resume(),
    log: () => log,
  };
}

test.each(["json", "pretty"] as const)("an exit waits for a slow reader: the last %s line arrives", async (format) => {
  const { ended, printed, read, log } = start(
    format,
    // The exit's time limit does not pass: this process may not read at once.
    `for (let i = 0; i < 4000; i++) logger.info("line " + i);
      performance.now = () => 0;
      console.log("leaving");
      process.exit(3);`,
  );
  expect(await printed).toBe("leaving\n");
  read();
  expect(await ended).toBe(3);
  expect(log().trimEnd().split("\n")).toHaveLength(4000);
  expect(log()).toContain("line 3999");
});

test("a pipe at stderr does not keep later imports from following links", async () => {
  const { printed } = start(
    "json",
    `const { createRequire } = await import("node:module");
      console.log(createRequire(${index}).resolve("@waggle/testing"));`,
  );
  expect(await printed).toBe(`${resolve(root, "packages/testing/src/index.ts")}\n`);
});

test("the process survives a reader that exits", async () => {
  const { child, ended, printed } = start(
    "json",
    `const timer = setInterval(() => {
      logger.info("still here");
      process.stderr.write("a warning of other code");
      if (process.stderr.errored === null) return;
      clearInterval(timer);
      logger.info("after");
      console.log(process.stderr.errored.code);
    }, 1);`,
  );
  child.stderr.destroy();
  expect(await printed).toBe("EPIPE\n");
  expect(await ended).toBe(0);
});

test("a stalled reader delays neither the process nor its exit", async () => {
  const { child, printed } = start(
    "json",
    `const line = "x".repeat(1000);
    for (let i = 0; i < 5000; i++) logger.info(line);
    console.log("still here");
    process.exit(0);`,
    { TMPDIR: coldCache },
  );
  const exited = once(child, "exit");
  expect(await printed).toBe("still here\n");
  expect((await exited)[0]).toBe(0);
});

test("a reader that resumes after a burst gets the lines within the limit, and the number of dropped lines", async () => {
  const { child, printed, read, log } = start(
    "json",
    `const line = "x".repeat(1000);
    for (let i = 0; i < 5000; i++) logger.info(line);
    console.log("written");
    setInterval(() => {}, 1000);`,
  );
  expect(await printed).toBe("written\n");
  read();
  while (!log().includes("log lines dropped")) await once(child.stderr, "data");
  const lines = log().trimEnd().split("\n");
  const dropped = Number(lines.at(-1)?.split(" ")[0]);
  expect(lines.length - 1 + dropped).toBe(5000);
  expect(log().length).toBeLessThan(2 * maxPendingLogBytes);
});

test("neither a logger nor metrics keep a process alive", async () => {
  const { ended, read, log } = start("pretty", `createWorkerMetrics(); logger.info("done");`);
  read();
  expect(await ended).toBe(0);
  expect(log()).toContain("done");
});
