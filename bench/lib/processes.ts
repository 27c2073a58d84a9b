// Owns the processes of a benchmark: they start, say one thing, and are gone in the end.
import { fork, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const scripts = {
  bare: new URL("./bare-server.ts", import.meta.url),
  readers: new URL("./readers.ts", import.meta.url),
};
const startTimeoutMs = 60_000;

export interface Served {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** A worker on the fake backend, ready to run jobs. Its log goes nowhere. @throws Error when it does not become ready */
export async function startWorker(flags: readonly string[]): Promise<Served> {
  const args = ["--local-mode", "--port", "0", "--backend", "fake", "--log-format", "json", ...flags];
  const child = spawn(process.execPath, ["apps/worker/bin/waggle-worker.js", ...args], {
    cwd: root,
    // With a channel the worker follows this process, however that ends.
    stdio: ["ignore", "pipe", "ignore", "ipc"],
  });
  const tooLate = setTimeout(() => child.kill("SIGKILL"), startTimeoutMs);
  try {
    for await (const line of createInterface({ input: child.stdout as Readable })) {
      const { type, url } = JSON.parse(line) as { type: string; url: string };
      if (type === "ready") return served(child, Number(new URL(url).port));
    }
  } finally {
    clearTimeout(tooLate);
  }
  throw new Error("Cannot start the worker: it left before it was ready");
}

/** One of the scripts, with a channel to it. */
export function startScript(name: keyof typeof scripts): ChildProcess {
  const execArgv = ["--import", import.meta.resolve("tsx")];
  return fork(fileURLToPath(scripts[name]), [], { execArgv, stdio: "inherit" });
}

export function served(child: ChildProcess, port: number): Served {
  if (child.pid === undefined) throw new Error("Cannot measure a process that did not start");
  return { pid: child.pid, port, stop: () => stop(child) };
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Milliseconds that the main thread of a process has computed. @throws Error where there is no /proc */
export function mainThreadCpuMs(pid: number): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
  return Number(nanoseconds) / 1e6;
}

/** The next message that fits. @throws Error when none comes in time, or the process leaves */
export async function nextMessage<T>(
  child: ChildProcess,
  fits: (message: T) => boolean,
  timeoutMs: number,
): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => leave(new Error(`Waited ${timeoutMs} ms for a child process in vain`)), timeoutMs);
    const onMessage = (message: unknown): void => {
      if (fits(message as T)) leave(message as T);
    };
    const onExit = (): void => leave(new Error("A child process left in the middle of the benchmark"));
    function leave(result: T | Error): void {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onExit);
      if (result instanceof Error) reject(result);
      else resolve(result);
    }
    child.on("message", onMessage).once("exit", onExit);
  });
}
