// The engine process: loads the backend, runs the step loop, and exchanges messages with the worker over IPC. It ignores signals that
// reach the whole group, on Ctrl-C or when the terminal is closed: the worker decides when the engine exits. When the channel closes, the worker is gone.
import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import { cpus } from "node:os";
import { inBackground } from "@waggle/async";
import { createEngine, measureStepCosts, threadsToMeasure } from "@waggle/engine";
import type { Backend, Engine, EngineCommand, EngineEvent, JobFailure } from "@waggle/engine";
import type { StepCosts } from "@waggle/protocol";
import { loadBackend } from "./backends.ts";
import type { EngineStart } from "./engine-start.ts";
import { createFreeCores } from "./free-cores.ts";
import { createPictureInlet, picturePipe, type CommandWithPictures } from "./picture-pipe.ts";
import { answerToUndelivered, insteadOfUndelivered, jobIdsOf } from "./undeliverable.ts";

/** Maximum number of started jobs that wait inside the engine. Never reached, because the worker starts no more jobs than there are slots. */
const maxWaiting = 256;

/** Time between two reports of the process's state; each report also does deferred work while no pass runs. */
const maintenanceIntervalMs = 1_000;
/** Time between two reports of GPU memory, because a query of the driver costs time. */
const gpuReportIntervalMs = 5_000;
const usPerMs = 1_000;

/** Longest time for measuring what steps cost, its largest part of the time of the load, and the time that it may take in any case. */
const [mostMeasuringMs, measuringShare, leastMeasuringMs] = [1_000, 0.07, 100];

/** Time limit for sending the last message before the process exits. */
const lastMessageTimeoutMs = 1_000;

let engine: Engine | undefined;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
process.on("disconnect", die);
// An error of the channel means that the worker is gone, and "disconnect" follows. With this handler no message needs a callback, which would cost
// a turn of the tick queue for each step.
process.on("error", () => {});
// An uncaught exception leaves the engine in an unknown state, so it must be replaced. The worker gets the reason.
process.on("uncaughtException", (thrown) => {
  emit({ type: "log", level: "error", message: thrown.stack ?? thrown.message });
  leaveWith({ type: "broken", message: thrownText(thrown) });
});
// The engine continues after a rejected promise without a handler. Such a promise comes from a library call that no code awaits: the call has
// failed already, or nothing depends on its result.
process.on("unhandledRejection", (reason) => {
  const message = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  emit({ type: "log", level: "error", message: `Unhandled promise rejection: ${message}` });
});
// A socket, because reads of a file would wait in libuv's pool for the running pass.
const pictures = createPictureInlet(new Socket({ fd: picturePipe, readable: true, writable: false }), (command) => {
  if (engine !== undefined) handle(engine, command);
  else if (command.type === "shutdown") process.exit(0);
});
process.on("message", (message) => {
  const command = message as EngineStart | EngineCommand | CommandWithPictures;
  if (command.type === "load") inBackground("load", run(command));
  else pictures.take(command);
});

/** A command that throws fails alone: the other jobs continue. */
function handle(running: Engine, command: EngineCommand): void {
  try {
    running.handle(command);
  } catch (thrown) {
    const message = `Cannot execute the command ${command.type}: ${thrownText(thrown)}`;
    emit({ type: "log", level: "error", message });
    const answer = answerToUndelivered(command, { code: "engine_failed", message });
    if (answer !== undefined) emit(answer);
  }
}

/** Never throws: an event that cannot be serialized is replaced by the failure of the jobs in it. */
function emit(event: EngineEvent): void {
  try {
    send(event);
  } catch (thrown) {
    const message = `Cannot send the event ${event.type} to the worker: ${thrownText(thrown)}`;
    send({ type: "log", level: "error", message });
    const failure: JobFailure = { code: "engine_failed", message };
    const instead = insteadOfUndelivered(event, failure);
    if (instead !== undefined) send(instead);
    // The worker treats these jobs as ended, but they may still run here.
    if (event.type === "step") for (const jobId of jobIdsOf(event.events)) engine?.handle({ type: "cancel", jobId });
  }
}

/** @throws Error when the event is nested too deep or too long for JSON */
function send(event: EngineEvent): void {
  if (process.connected) process.send?.(event);
}

function leaveWith(event: EngineEvent): void {
  setTimeout(die, lastMessageTimeoutMs);
  if (process.connected) process.send?.(event, die);
}

/**
 * Ends the process at once: native threads may be in the middle of a pass, and exit handlers would wait for them or crash.
 * The process has no state to save.
 */
function die(): void {
  process.kill(process.pid, "SIGKILL");
}

function thrownText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Starts the regular reports, which are the sign of life of an idle engine. */
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
  // Make the first call at once, because no core counts as free before the first call.
  maintain();
  setInterval(maintain, maintenanceIntervalMs).unref();
}

function startGpuReports(gpuMemory: NonNullable<Backend["gpuMemory"]>): void {
  const report = (): void => {
    gpuMemory().then(
      (memory) => emit({ type: "gpu_memory", ...memory }),
      // A driver that does not answer must not stop the engine: the metrics keep the last values.
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
    const stepCosts = await measureCosts(backend, start, performance.now() - startedAt);
    engine = createEngineOn(backend, start, stepCosts);
  } catch (thrown) {
    leaveWith({ type: "load_failed", message: thrownText(thrown) });
    return;
  }
  emit({ type: "ready", info: backend.info, loadMs: performance.now() - startedAt });
  startMaintenance(engine);
  if (backend.gpuMemory !== undefined) startGpuReports(backend.gpuMemory);
  await engine.run();
  await backend.dispose();
  process.exit(0);
}

async function measureCosts(backend: Backend, start: EngineStart, loadMs: number): Promise<StepCosts | undefined> {
  const { threads, threadsPinned } = start.settings;
  const isFixed = threadsPinned || backend.info.device !== "cpu";
  return await measureStepCosts(backend, {
    budgetMs: Math.min(mostMeasuringMs, Math.max(leastMeasuringMs, measuringShare * loadMs)),
    threads: isFixed ? [threads] : threadsToMeasure(threads, Math.min(start.maxThreads, backend.info.maxThreads)),
    now: () => performance.now(),
  });
}

/** @throws Error when the backend cannot serve the configured number of slots */
function createEngineOn(backend: Backend, start: EngineStart, stepCosts: StepCosts | undefined): Engine {
  const { prefillBudget, maxTokenGapMs, guesses, threads, threadsPinned } = start.settings;
  return createEngine({
    backend,
    limits: {
      prefillBudget,
      maxTokenGapMs: maxTokenGapMs === "none" ? Infinity : maxTokenGapMs,
      guesses,
      prefixStoreBytes: start.prefixStore?.maxBytes ?? 0,
      prefixStoreTokenMs: start.prefixStore?.tokenMs,
      maxWaiting,
    },
    now: () => performance.now(),
    random32: () => randomBytes(4).readUInt32LE(),
    emit,
    stepCosts,
    pinnedThreads: threadsPinned ? threads : undefined,
    maxThreads: threadsPinned ? undefined : start.maxThreads,
  });
}
