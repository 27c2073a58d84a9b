// Owns an engine in this process, for tests: the real engine around a fake backend, behind the host's port. It dies and loads
// when the test says so.
import { createEngine, createFakeBackend } from "@waggle/engine";
import type { Engine, EngineCommand, EngineEvent, FakeBackend, FakeBackendOptions, StepGate } from "@waggle/engine";
import type { Clock } from "@waggle/async";
import type { EngineHost, EngineHostEvents } from "../engine/engine-host.ts";

/** The channel between the worker and its engine. Each message must be delivered once, and in order, or lost with the engine. */
export interface InlineLink {
  command(command: EngineCommand, deliver: () => void): void;
  event(event: EngineEvent, deliver: () => void): void;
}

/** Across processes a command arrives later; here too, so that no test leans on less. */
const promptLink: InlineLink = {
  command: (_, deliver) => queueMicrotask(deliver),
  event: (_, deliver) => deliver(),
};

export interface InlineEngineOptions {
  readonly slots: number;
  readonly contextSize: number;
  readonly clock: Clock;
  readonly gate?: Pick<StepGate, "pass" | "open"> | undefined;
  /** More settings of the fake backend: what its model is for, say. */
  readonly fake?: Partial<FakeBackendOptions> | undefined;
  /** Default: events at once, commands a microtask later. */
  readonly link?: InlineLink | undefined;
  /** The file that it reports as loaded; default: no file. */
  readonly modelPath?: string | undefined;
  /** Loads only when it is told to. */
  readonly loadLater: boolean;
}

export interface InlineEngine extends EngineHost {
  /** Every command it was given, in order. */
  readonly commands: readonly EngineCommand[];
  readonly backend: FakeBackend;
  load(): void;
  /** It dies as a killed process does: without a word. */
  kill(message?: string): void;
  /** It cannot be loaded, or does not come back. */
  giveUp(message: string): void;
}

export function createInlineEngine(options: InlineEngineOptions, events: EngineHostEvents): InlineEngine {
  const { slots, contextSize, clock, gate, fake, link = promptLink } = options;
  const commands: EngineCommand[] = [];
  let engine: Engine | undefined;
  let backend: FakeBackend | undefined;
  let running: Promise<void> = Promise.resolve();
  let starts = 0;
  let deaths = 0;

  function load(): void {
    starts += 1;
    events.onStart();
    const newBackend = createFakeBackend({
      slots,
      contextSize,
      ...(gate === undefined ? {} : { gate: gate.pass }),
      ...fake,
    });
    const born: Engine = createEngine({
      backend: newBackend,
      limits: { prefixStoreBytes: 0, maxWaiting: 64, maxPrepared: 64 },
      now: () => clock.now(),
      random32: () => 42,
      emit(event) {
        if (engine !== born) return;
        link.event(event, () => {
          if (engine === born) events.onEvent(event);
        });
      },
    });
    backend = newBackend;
    engine = born;
    running = engine.run();
    const { modelPath } = options;
    events.onReady(modelPath === undefined ? newBackend.info : { ...newBackend.info, modelPath }, 0);
  }

  return {
    commands,
    get backend() {
      if (backend === undefined) throw new Error("No engine was loaded yet");
      return backend;
    },
    load,
    kill(message = "The engine was killed (SIGKILL).") {
      engine = undefined;
      deaths += 1;
      events.onDeath("signal");
      events.onLost("signal", message);
    },
    giveUp: (message) => events.onGaveUp(message, starts === 0),
    start() {
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
    get info() {
      return backend?.info;
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
