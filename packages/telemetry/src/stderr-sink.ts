// Writes log lines to stderr: at once while there is room, otherwise after a short delay, and a last time at exit.
import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { createBufferedLogSink } from "./log-sink.ts";
import type { LogSink } from "./log-sink.ts";

const stderrFd = 2;
const retryDelayMs = 20;
/** How long an exit may wait for a slow reader to take the last lines. */
const exitFlushTimeoutMs = 500;
const exitFlushPauseMs = 5;

/**
 * A sink on this process's stderr. A pipe or socket takes the bytes that fit; a file or a terminal takes all bytes. Create only one
 * in each process, because the sink listens for the process's exit.
 */
export function createStderrSink(): LogSink {
  // When other code writes to a closed stderr (such as Node with a warning), the daemon must not end either.
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
 * Opening a handle on a pipe or socket makes it non-blocking. `process.stderr` did so at the start, but every child that
 * inherited the descriptor since has made it blocking again (when run from source, the child that compiles TypeScript). This handle does
 * nothing else, and is never closed, because that would close stderr.
 */
function stopBlocking(): void {
  const kind = fstatSync(stderrFd);
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

/** Blocks the thread. Only this function may block, because the event loop no longer runs during exit. */
function pauseThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
