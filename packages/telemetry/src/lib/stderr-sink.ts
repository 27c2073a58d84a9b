// Owns the way of log lines to stderr: at once while there is room, a little later when there is not, and once more at
// exit.
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
 * A sink on this process's stderr: a pipe or socket takes what fits, a file or a terminal takes everything. Create one
 * for each process: it listens for the exit.
 */
export function createStderrSink(): LogSink {
  // Somebody else's write to a closed stderr (a warning of Node's, say) must not end the daemon either.
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
 * Opening a handle on a pipe or socket makes it non-blocking. `process.stderr` has done so once, but every child that
 * inherited the descriptor since has set it back (from source, the one that compiles TypeScript). This handle does
 * nothing else, and is never closed: that would close stderr.
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

/** No event loop turns during exit, so this is the one place that may block: the thread itself sleeps. */
function pauseThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
