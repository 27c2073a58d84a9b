// Owns an engine in this process, for tests: the real engine with a fake backend, behind the port of a model's host. The test decides when
// the engine loads and dies.
import { createEngine, createFakeBackend } from "@waggle/engine";
import type { Backend, Engine, EngineCommand, EngineEvent, FakeBackend, FakeBackendOptions } from "@waggle/engine";
import type { StepGate } from "@waggle/engine/testing";
import type { Clock } from "@waggle/async";
import { sortEvent } from "../engine/engine-host.ts";
import type { EngineHost, EngineOwner } from "../engine/engine-host.ts";

/** The channel between the worker and its engine. It must deliver each message once and in order, unless the engine is lost. */
export interface InlineLink {
  command(command: EngineCommand, deliver: () => void): void;
  event(event: EngineEvent, deliver: () => void): void;
}

/** Commands arrive in a later microtask, as between processes, so that no test depends on an arrival within `send`. */
export const promptLink: InlineLink = {
  command: (_, deliver) => queueMicrotask(deliver),
  event: (_, deliver) => deliver(),
};

export interface InlineEngineOptions {
  readonly slots: number;
  readonly contextSize: number;
  readonly clock: Clock;
  readonly gate?: Pick<StepGate, "pass" | "open"> | undefined;
  /** More settings of the fake backend, such as the use of its model. */
  readonly fake?: Partial<FakeBackendOptions> | undefined;
  /** By default events arrive at once, and commands a microtask later. */
  readonly link?: InlineLink | undefined;
  /** Path of the file that the engine reports as loaded; by default the engine reports no path. */
  readonly modelPath?: string | undefined;
  /** Maximum number of bytes of prepared work; by default the limit of a real engine. */
  readonly preparedBytes?: number | undefined;
  /** Cells of the context pool that a new job leaves to each running job; by default those of a real engine. */
  readonly headroomCells?: number | undefined;
  /** Replaces parts of the backend. */
  readonly wrap?: ((backend: FakeBackend) => Backend) | undefined;
  /** Loads only when the test calls `load`. */
  readonly loadLater: boolean;
}

export interface InlineEngine extends EngineHost {
  /** All commands so far, in order. */
  readonly commands: readonly EngineCommand[];
  readonly backend: FakeBackend;
  /** Number of jobs whose work is prepared, or being prepared, and has not started. */
  readonly preparedJobs: number;
  load(): void;
  /** Sends an event to the worker, in addition to the engine's own events. */
  emit(event: EngineEvent): void;
  /** Dies without a message, as a killed process does. */
  kill(message?: string): void;
  /** Reports that the engine cannot be loaded or restarted. */
  giveUp(message: string): void;
}

export function createInlineEngine(options: InlineEngineOptions): InlineEngine {
  const { slots, contextSize, clock, gate, fake, link = promptLink } = options;
  const commands: EngineCommand[] = [];
  let owner: EngineOwner | undefined;
  let engine: Engine | undefined;
  let backend: FakeBackend | undefined;
  let running: Promise<void> = Promise.resolve();
  let starts = 0;
  /** Whether an engine has begun to load and is not ready yet. */
  let begun = false;
  let deaths = 0;

  function begin(): void {
    starts += 1;
    begun = true;
    owner?.started();
  }

  function deliver(event: EngineEvent): void {
    sortEvent(event, owner, () => {});
  }

  function load(): void {
    if (!begun) begin();
    begun = false;
    const newBackend = createFakeBackend({
      slots,
      contextSize,
      ...(gate === undefined ? {} : { gate: gate.pass }),
      ...fake,
    });
    const born: Engine = createEngine({
      backend: options.wrap?.(newBackend) ?? newBackend,
      limits: {
        prefixStoreBytes: 0,
        maxWaiting: 64,
        preparedBytes: options.preparedBytes,
        headroomCells: options.headroomCells,
      },
      now: () => clock.now(),
      random32: () => 42,
      emit(event) {
        if (engine !== born) return;
        link.event(event, () => {
          if (engine === born) deliver(event);
        });
      },
    });
    backend = newBackend;
    engine = born;
    running = engine.run();
    const { modelPath } = options;
    owner?.ready(modelPath === undefined ? newBackend.info : { ...newBackend.info, modelPath }, 0);
  }

  return {
    commands,
    get backend() {
      if (backend === undefined) throw new Error("No engine was loaded yet");
      return backend;
    },
    get preparedJobs() {
      return engine?.preparedJobs ?? 0;
    },
    load,
    emit: deliver,
    kill(message = "The engine was killed (SIGKILL).") {
      engine = undefined;
      deaths += 1;
      owner?.died({ reason: "signal", message, wasReady: true, final: undefined });
    },
    giveUp: (message) => owner?.died({ reason: "load_failed", message, wasReady: false, final: message }),
    start(by) {
      owner = by;
      begin();
      if (!options.loadLater) load();
    },
    send(command) {
      commands.push(command);
      const to = engine;
      link.command(command, () => to?.handle(command));
    },
    async stop() {
      engine?.handle({ type: "shutdown" });
      gate?.open();
      await backend?.dispose();
      await running;
    },
    get ready() {
      return engine !== undefined;
    },
    pid: undefined,
    get starts() {
      return starts;
    },
    get deaths() {
      return deaths;
    },
  };
}
