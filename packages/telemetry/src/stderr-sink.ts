// Writes log lines to stderr: at once while there is room, otherwise after a short delay, and the rest at exit.
import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { forgetStat } from "@waggle/async";
import { createBufferedLogSink } from "./log-sink.ts";
import type { LogSink } from "./log-sink.ts";

const stderrFd = 2;
const retryDelayMs = 20;
/** Time limit for a slow reader to take the last lines at exit. */
const exitFlushTimeoutMs = 500;
const exitFlushPauseMs = 5;

let shared: LogSink | undefined;

/**
 * The sink on this process's stderr. A pipe or socket takes the bytes that fit; a file or a terminal takes all bytes. All loggers of a process share
 * it, because it listens for the process's exit.
 */
export function stderrSink(): LogSink {
  return (shared ??= createSink());
}

function createSink(): LogSink {
  // The daemon must not end when other code (such as a warning of Node) writes to a closed stderr.
  process.stderr.on("error", () => {});
  stopBlocking();
  const sink = createBufferedLogSink({
    take: takeNow,
    requestFlush: () => void setTimeout(() => sink.flush(), retryDelayMs).unref(),
  });
  process.on("exit", () => {
    const deadline = performance.now() + exitFlushTimeoutMs;
    while (!sink.flush() && performance.now() < deadline) pauseThread(exitFlushPauseMs);
  });
  return sink;
}

/**
 * Makes a pipe or socket at stderr non-blocking by opening a handle on it. `process.stderr` opened a handle at the start and so made stderr
 * non-blocking. Later, children that inherited stderr made stderr blocking again (when run from source, the child that compiles TypeScript). The new
 * handle is never closed, because that would close stderr.
 */
function stopBlocking(): void {
  const kind = fstatSync(stderrFd);
  forgetStat();
  if (kind.isFIFO() || kind.isSocket()) new Socket({ fd: stderrFd, readable: false, writable: true }).unref();
}

function takeNow(bytes: Uint8Array): number {
  try {
    return writeSync(stderrFd, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}

/** Blocks the thread: during exit, the event loop no longer runs. */
function pauseThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
