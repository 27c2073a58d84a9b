// The engine process: loads the backend, runs the step loop, and speaks with the worker over IPC only. It ignores SIGINT and SIGTERM,
// which reach the whole group on Ctrl-C: the worker decides when the engine leaves. When the channel closes, the worker is gone.
import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { createEngine } from "@waggle/engine";
import type { Backend, Engine, EngineCommand, EngineEvent, JobFailure } from "@waggle/engine";
import { loadBackend } from "./backends.ts";
import type { EngineStart } from "./engine-start.ts";
import { createFreeCores } from "./free-cores.ts";
import { answerToUndelivered, insteadOfUndelivered, jobIdsOf } from "./undeliverable.ts";

/** Submitted jobs that may wait inside the engine; the worker submits no more than there are slots, so this is never met. */
const maxWaiting = 256;

/** Between two reports of the process's state, each with a look at what can be done while nothing is computed. */
const maintenanceIntervalMs = 1_000;
/** The driver is asked, which has better to do. */
const gpuReportIntervalMs = 5_000;
const usPerMs = 1_000;

/** How long the last message may take to leave before the process does. */
const lastMessageTimeoutMs = 1_000;

let engine: Engine | undefined;

process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("disconnect", die);
// An error of the channel means that the worker is gone, which "disconnect" tells too. Heard of here, no message needs a callback of its own,
// which would cost a turn of the tick queue for each step.
process.on("error", () => {});
// What was thrown out of every handler has left the engine in an unknown state, so another one has to follow. The worker hears why.
process.on("uncaughtException", (thrown) => {
  emit({ type: "log", level: "error", message: thrown.stack ?? thrown.message });
  leaveWith({ type: "broken", message: messageOf(thrown) });
});
// A promise of the library's that nobody waits for any more: what it was for has failed already, or goes on without it.
process.on("unhandledRejection", (reason) => {
  const message = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  emit({ type: "log", level: "error", message: `A promise was rejected, and nobody had waited for it: ${message}` });
});
process.on("message", (message) => {
  const command = message as EngineStart | EngineCommand;
  if (command.type === "start") void run(command);
  else if (engine !== undefined) handle(engine, command);
  else if (command.type === "shutdown") process.exit(0);
});

/** A command that throws fails by itself: what the others run goes on. */
function handle(running: Engine, command: EngineCommand): void {
  try {
    running.handle(command);
  } catch (thrown) {
    const message = `Cannot carry out the command ${command.type}: ${messageOf(thrown)}`;
    emit({ type: "log", level: "error", message });
    const answer = answerToUndelivered(command, { code: "engine_failed", message });
    if (answer !== undefined) emit(answer);
  }
}

/** Never throws: an event that cannot be made a message is replaced by the failure of the jobs in it. */
function emit(event: EngineEvent): void {
  try {
    send(event);
  } catch (thrown) {
    const message = `Cannot send the event ${event.type} to the worker: ${messageOf(thrown)}`;
    send({ type: "log", level: "error", message });
    const failure: JobFailure = { code: "engine_failed", message };
    const instead = insteadOfUndelivered(event, failure);
    if (instead !== undefined) send(instead);
    // The worker counts them as ended; here they may still run.
    if (event.type === "step") for (const jobId of jobIdsOf(event.events)) engine?.handle({ type: "cancel", jobId });
  }
}

/** @throws Error when the event is nested too deep or too long for JSON */
function send(event: EngineEvent): void {
  if (process.connected) process.send?.(event);
}

/** The message must be out before the process is. */
function leaveWith(event: EngineEvent): void {
  setTimeout(die, lastMessageTimeoutMs);
  if (process.connected) process.send?.(event, die);
}

/** Native threads may be in the middle of a pass, and exit handlers would wait for them or crash on them. Nothing here needs saving. */
function die(): void {
  process.kill(process.pid, "SIGKILL");
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The reports are what shows the worker that an idle engine lives. */
function startMaintenance(running: Engine): void {
  const freeCores = createFreeCores(cpus, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / usPerMs;
  });
  let last = performance.eventLoopUtilization();
  const maintain = (): void => {
    running.maintain(freeCores());
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    emit({ type: "process_stats", eventLoopUtilization: utilization, rssBytes: process.memoryUsage.rss() });
  };
  // At once too: until something is known of the cores, none of them is free.
  maintain();
  setInterval(maintain, maintenanceIntervalMs).unref();
}

function startGpuReports(gpuMemory: NonNullable<Backend["gpuMemory"]>): void {
  const report = (): void => {
    gpuMemory().then(
      (memory) => emit({ type: "gpu_memory", ...memory }),
      // A driver that does not answer is no reason to stop: whoever asks sees that there is no news.
      () => {},
    );
  };
  report();
  setInterval(report, gpuReportIntervalMs).unref();
}

async function run(start: EngineStart): Promise<void> {
  const startedAt = performance.now();
  let backend: Backend;
  try {
    backend = await loadBackend(start, emit);
    engine = createEngineOn(backend, start);
  } catch (thrown) {
    leaveWith({ type: "load_failed", message: messageOf(thrown) });
    return;
  }
  emit({ type: "ready", info: backend.info, loadMs: performance.now() - startedAt });
  startMaintenance(engine);
  if (backend.gpuMemory !== undefined) startGpuReports(backend.gpuMemory);
  await engine.run();
  await backend.dispose();
  process.exit(0);
}

/** @throws Error when the backend cannot serve so many slots */
function createEngineOn(backend: Backend, start: EngineStart): Engine {
  const { prefillBudget, threads, threadsPinned } = start.settings;
  return createEngine({
    backend,
    limits: {
      prefillBudget,
      prefixStoreBytes: start.prefixStore?.maxBytes ?? 0,
      maxWaiting,
      maxPrepared: maxWaiting,
    },
    now: () => performance.now(),
    random32: () => randomBytes(4).readUInt32LE(),
    emit,
    ...(threadsPinned ? { pinnedThreads: threads } : { maxThreads: start.maxThreads }),
  });
}
