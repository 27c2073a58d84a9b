// Owns a worker without processes and sockets, for tests: the real HTTP application, dispatcher and engine around a fake backend.
import { createConflatedChannel, systemClock } from "@waggle/async";
import type { Clock, ConflatedChannel } from "@waggle/async";
import { createEngine, createFakeBackend } from "@waggle/engine";
import type { Engine, EngineCommand, EngineEvent, FakeBackend, StepGate } from "@waggle/engine";
import { WaggleError, workerOpenApi } from "@waggle/protocol";
import type { LoadingEvent, SlotStatus } from "@waggle/protocol";
import { createAdmissionQueue, createSessionRegistry } from "@waggle/queue";
import type { AdmissionQueue, SessionRegistry } from "@waggle/queue";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import type { WorkerMetrics } from "@waggle/telemetry";
import { createApp, createSchemaCompiler, createTokenTable } from "@waggle/front";
import type { App, HttpAccess } from "@waggle/front";
import { createDispatcher, createJobRegistry, createLifecycle } from "@waggle/jobs";
import type { Dispatcher, Job, JobLimits, JobRegistry } from "@waggle/jobs";
import { createWorkerPages } from "../pages.ts";
import { createWorkerState } from "../worker-state.ts";
import type { WorkerState } from "../worker-state.ts";

/** What lies between the worker and its engine. Each message must be delivered once, and in order, or lost with the engine. */
export interface InlineLink {
  command(command: EngineCommand, deliver: () => void): void;
  event(event: EngineEvent, deliver: () => void): void;
}

/** Across processes a command arrives later; here too, so that no test leans on less. */
const promptLink: InlineLink = {
  command: (_, deliver) => queueMicrotask(deliver),
  event: (_, deliver) => deliver(),
};

export interface InlineWorkerOptions {
  readonly slots?: number;
  readonly contextSize?: number;
  readonly queueCapacity?: number;
  readonly clock?: Clock;
  readonly gate?: Pick<StepGate, "pass" | "open">;
  readonly limits?: Partial<JobLimits>;
  /** Of ended jobs that can be replayed; 1,000 by default. */
  readonly endedJobsKept?: number;
  readonly access?: Partial<HttpAccess>;
  readonly maxBodyBytes?: number;
  readonly maxStreamsPerClient?: number;
  /** Default: ready from the start. */
  readonly loadLater?: boolean;
  /** Default: events at once, commands a microtask later. */
  readonly link?: InlineLink;
  /** For a test that makes workers by the thousand: most of the cost of one is its metrics. */
  readonly metrics?: WorkerMetrics;
}

export interface InlineWorker {
  readonly app: App;
  readonly dispatcher: Dispatcher;
  readonly registry: JobRegistry;
  readonly queue: AdmissionQueue<Job>;
  readonly sessions: Pick<SessionRegistry, "size">;
  readonly backend: () => FakeBackend;
  readonly state: WorkerState;
  readonly loading: ConflatedChannel<LoadingEvent>;
  readonly slots: () => readonly SlotStatus[];
  /** Lifecycle and other log lines so far. */
  readonly logLines: readonly Record<string, unknown>[];
  /** Every command the engine was given, in order. */
  readonly commands: readonly EngineCommand[];
  load(): void;
  /** The engine dies as a killed process does: without a word. */
  kill(message?: string): void;
  close(): Promise<void>;
}

export const testLimits: JobLimits = {
  replayBufferBytes: 1_048_576,
  pingIntervalMs: 15_000,
  readerStallTimeoutMs: 30_000,
  reconnectGraceMs: 5_000,
  unclaimedTimeoutMs: 30_000,
  supersedeTimeoutMs: 2_000,
};

export function createInlineWorker(options: InlineWorkerOptions = {}): InlineWorker {
  const clock = options.clock ?? systemClock;
  const slotCount = options.slots ?? 2;
  const limits = { ...testLimits, ...options.limits };
  const logLines: Record<string, unknown>[] = [];
  const commands: EngineCommand[] = [];
  const log = createLogger({
    level: "debug",
    format: "json",
    name: "test",
    destination: { write: (line: string) => void logLines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const metrics = options.metrics ?? createWorkerMetrics();
  const link = options.link ?? promptLink;
  const state = createWorkerState();
  const loading = createConflatedChannel<LoadingEvent>({ type: "loading", stage: "loading", progress: 0 });
  let engine: Engine | undefined;
  let backend: FakeBackend | undefined;
  let running: Promise<void> = Promise.resolve();
  let slots: readonly SlotStatus[] = [];

  const registry = createJobRegistry({
    clock,
    replayWindowMs: 60_000,
    replayTotalBytes: 1 << 24,
    endedJobsKept: options.endedJobsKept ?? 1_000,
  });
  const queue = createAdmissionQueue<Job>({ capacity: options.queueCapacity ?? 8, now: () => clock.now() });
  const sessions = createSessionRegistry();
  const dispatcher = createDispatcher({
    queue,
    registry,
    sessions,
    engine: {
      get ready() {
        return engine !== undefined;
      },
      slots: slotCount,
      send(command) {
        commands.push(command);
        const to = engine;
        link.command(command, () => to?.handle(command));
      },
    },
    lifecycle: createLifecycle({ log, metrics, model: () => "waggle-fake" }),
    clock,
    limits,
    model: () => "waggle-fake",
  });

  function load(): void {
    const newBackend = createFakeBackend({
      slots: slotCount,
      contextSize: options.contextSize ?? 4_096,
      ...(options.gate === undefined ? {} : { gate: options.gate.pass }),
    });
    const born: Engine = createEngine({
      backend: newBackend,
      limits: { prefixStoreBytes: 0, maxWaiting: 64, maxPrepared: 64 },
      now: () => clock.now(),
      random32: () => 42,
      emit(event) {
        if (engine !== born) return;
        link.event(event, () => {
          if (engine !== born) return;
          if (event.type === "step") slots = event.slots;
          dispatcher.onEngineEvent(event);
        });
      },
    });
    backend = newBackend;
    engine = born;
    running = engine.run();
    if (state.name === "starting") state.apply("listening");
    state.apply("loaded");
    loading.set({ type: "ready", model: "waggle-fake" });
    dispatcher.onEngineReady();
  }

  function kill(message = "The engine was killed (SIGKILL)."): void {
    engine = undefined;
    slots = [];
    state.apply("engine_lost", message);
    dispatcher.onEngineLost(new WaggleError("engine_failed", message));
  }

  const schemas = createSchemaCompiler({ clock });
  const app = createApp({
    schemas,
    pages: createWorkerPages(),
    access: {
      localMode: true,
      allowedHosts: [],
      allowedOrigins: [],
      tokens: () => createTokenTable([]),
      ...options.access,
    },
    limits: {
      maxBodyBytes: options.maxBodyBytes ?? 4 << 20,
      maxBodiesBytes: 64 << 20,
      maxStreamsPerClient: options.maxStreamsPerClient ?? 1_000,
      collectTimeoutMs: 240_000,
      pingIntervalMs: limits.pingIntervalMs,
    },
    clock,
    log,
    metrics,
    state,
    dispatcher,
    registry,
    loading,
    view: {
      info: () => ({
        worker_id: "test",
        url: "http://127.0.0.1:0",
        state: state.name,
        model: "waggle-fake",
        backend: "fake",
        version: "0.0.0",
        slots: slotCount,
        local_mode: true,
        prefill_budget: null,
        queue_capacity: 8,
        uptime_ms: 0,
      }),
      slots: () => slots,
      health: () => ({
        live: true,
        ready: state.name === "ready",
        state: state.name,
        worker_id: "test",
        model: "waggle-fake",
        backend: "fake",
        version: "0.0.0",
        uptime_ms: 0,
        slots: { total: slotCount, busy: dispatcher.running },
        queue: { depth: dispatcher.waiting, capacity: 8 },
        engine: { starts: 1, deaths: 0 },
      }),
      openApi: () => workerOpenApi("0.0.0"),
      collect: () => {},
    },
  });

  state.apply("listening");
  if (options.loadLater !== true) load();
  return {
    app,
    dispatcher,
    registry,
    queue,
    sessions,
    backend: () => {
      if (backend === undefined) throw new Error("No engine was loaded yet");
      return backend;
    },
    state,
    loading,
    slots: () => slots,
    logLines,
    commands,
    load,
    kill,
    async close() {
      dispatcher.abort(new WaggleError("unavailable", "The test is over."));
      dispatcher.stop();
      engine?.handle({ type: "shutdown" });
      options.gate?.open();
      await backend?.dispose();
      await running;
      await schemas.close();
    },
  };
}
