// The engine process: loads the backend, runs the step loop, and speaks with the worker over IPC only. It ignores SIGINT and SIGTERM,
// which reach the whole group on Ctrl-C: the worker decides when the engine leaves. When the channel closes, the worker is gone.
import { randomBytes } from "node:crypto";
import { createEngine } from "@waggle/engine";
import type { Engine, EngineCommand, EngineEvent } from "@waggle/engine";
import { loadBackend } from "./backends.ts";
import type { EngineStart } from "./engine-start.ts";

/** Submitted jobs that may wait inside the engine; the worker submits no more than there are slots, so this is never met. */
const maxWaiting = 256;

/** Between two reports of its own state, and two looks at what can be done while nobody asks for anything. */
const upkeepIntervalMs = 1_000;

let engine: Engine | undefined;

process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
// A promise of the library's that nobody waits for any more: what it was for has failed already, or goes on without it.
process.on("unhandledRejection", (reason) => {
  const message = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  emit({ type: "log", level: "error", message: `A promise was rejected, and nobody had waited for it: ${message}` });
});
// Native threads may be in the middle of a pass, and exit handlers would wait for them or crash on them. Nothing here needs saving.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.on("message", (message) => {
  const command = message as EngineStart | EngineCommand;
  if (command.type === "start") void run(command);
  else if (engine !== undefined) engine.handle(command);
  else if (command.type === "shutdown") process.exit(0);
});

function emit(event: EngineEvent): void {
  if (process.connected) process.send?.(event);
}

function keepUp(running: Engine): void {
  let last = performance.eventLoopUtilization();
  const upkeep = (): void => {
    running.maintain();
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    emit({ type: "process_stats", eventLoopUtilization: utilization, rssBytes: process.memoryUsage.rss() });
  };
  setInterval(upkeep, upkeepIntervalMs).unref();
}

async function run(start: EngineStart): Promise<void> {
  const startedAt = performance.now();
  let backend;
  try {
    backend = await loadBackend(start, emit);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The message must be out before the process is.
    process.send?.({ type: "load_failed", message } satisfies EngineEvent, () => process.exit(1));
    return;
  }
  engine = createEngine({
    backend,
    limits: {
      prefillBudget: start.prefillBudget,
      prefixStoreBytes: start.prefixStore?.maxBytes ?? 0,
      maxWaiting,
      maxPrepared: maxWaiting,
    },
    now: () => performance.now(),
    random32: () => randomBytes(4).readUInt32LE(),
    emit,
    ...(start.threadsPinned ? { pinnedThreads: start.threads } : { maxThreads: start.maxThreads }),
  });
  emit({ type: "ready", info: backend.info, loadMs: performance.now() - startedAt });
  keepUp(engine);
  await engine.run();
  await backend.dispose();
  process.exit(0);
}
