// Owns the engine process: starts it, watches it, replaces it when it dies, and gives up when that does not help.
// It knows nothing of jobs; what dies with an engine is the dispatcher's business.
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createBackoff } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import type { BackendInfo, EngineCommand, EngineEvent } from "@waggle/engine";
import type { Logger } from "@waggle/telemetry";
import type { EngineStart } from "./engine-start.ts";
import { createWatchdog } from "./watchdog.ts";

/** Waits before the 1st, 2nd … restart in a row; a life of `healthyMs` starts over. */
const restartDelaysMs = [0, 500, 1_000, 2_000, 4_000];
const healthyMs = 60_000;
/** Deaths are counted over this window to tell a crash loop. */
const crashLoopWindowMs = 60_000;
/** How long an engine may take to leave by command. */
const leaveTimeoutMs = 1_000;
/**
 * Of an engine's young generation, a third of it in use. Hardly anything that a step makes outlives the next one, and
 * with Node's own 16 the process grew by 150 MB over 10,000 jobs before anything was collected.
 */
const youngMiB = 4;

export type DeathReason = "exit" | "signal" | "hung" | "load_failed" | "broken";

export interface SupervisorOptions {
  readonly start: EngineStart;
  /** Of the engine process, which needs no secrets. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** No step for the longer of this and 20 times the median step, while jobs are in the engine: it hangs. */
  readonly watchdogTimeoutMs: number;
  /** Longest silence while it loads. */
  readonly loadTimeoutMs: number;
  /** This many deaths within a minute are a crash loop. */
  readonly crashLoopDeaths: number;
  /** Whether the engine has anything to do. */
  readonly busy: () => boolean;
  readonly onStart: () => void;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onReady: (info: BackendInfo, loadMs: number) => void;
  /** An engine died, loaded or not. Comes before what follows from it. */
  readonly onDeath: (reason: DeathReason) => void;
  /** A loaded engine died; a new one follows unless `onGaveUp` comes next. */
  readonly onLost: (reason: DeathReason, message: string) => void;
  /** The first load failed, or a crash loop: no engine will follow. */
  readonly onGaveUp: (message: string, firstLoad: boolean) => void;
}

export interface Supervisor {
  start(): void;
  /** Dropped silently when no engine is there: the dispatcher hears of the loss through `onLost`. */
  send(command: EngineCommand): void;
  /** The engine leaves by command, or is killed; resolves when it is gone. No other follows. */
  stop(): Promise<void>;
  readonly ready: boolean;
  readonly info: BackendInfo | undefined;
  readonly pid: number | undefined;
  readonly starts: number;
  readonly deaths: number;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { clock, log } = options;
  const backoff = createBackoff({ delaysMs: restartDelaysMs });
  let child: ChildProcess | undefined;
  let info: BackendInfo | undefined;
  let ready = false;
  let everReady = false;
  let stopping = false;
  let starts = 0;
  let deaths = 0;
  let deathTimes: number[] = [];
  let bornAt = 0;
  let restart: TimerHandle | undefined;
  /** Why the engine is about to die, when we know better than its exit status. */
  let doom: { reason: DeathReason; message: string } | undefined;
  let gone: (() => void) | undefined;
  let loadTimer: TimerHandle | undefined;

  const watchdog = createWatchdog({
    clock,
    timeoutMs: options.watchdogTimeoutMs,
    busy: () => ready && options.busy(),
    onHang: (silentMs) => {
      condemn("hung", `The engine hung: no step for ${Math.round(silentMs)} ms while jobs were running.`);
    },
  });

  function start(): void {
    restart = undefined;
    doom = undefined;
    bornAt = clock.now();
    starts += 1;
    const engine = fork(enginePath(), [], {
      execArgv: engineExecArgv(),
      env: engineEnv(options.env),
      // Its own output is llama.cpp's; it belongs to the log, never to our machine-readable stdout.
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "json",
    });
    child = engine;
    options.onStart();
    log.info({ engine_pid: engine.pid, start: starts }, "engine_start");
    engine.stdout?.on("data", (text: Buffer) => log.debug({ engine: text.toString().trimEnd() }, "engine_output"));
    engine.stderr?.on("data", (text: Buffer) => log.debug({ engine: text.toString().trimEnd() }, "engine_output"));
    engine.on("message", (message) => onMessage(engine, message as EngineEvent));
    engine.on("error", (error) => condemn("exit", `The engine process failed: ${error.message}`));
    // Not "exit", which may overtake the last messages: "close" comes when the channel has been read to its end.
    engine.once("close", (code, signal) => onExit(engine, code, signal));
    engine.send(options.start, ignoreSendError);
    awaitLoading();
  }

  function awaitLoading(): void {
    loadTimer?.cancel();
    loadTimer = clock.setTimeout(() => {
      condemn("hung", `Cannot load the model: no progress for ${options.loadTimeoutMs} ms.`);
    }, options.loadTimeoutMs);
  }

  function onMessage(engine: ChildProcess, event: EngineEvent): void {
    if (engine !== child) return;
    switch (event.type) {
      case "ready":
        loadTimer?.cancel();
        ready = true;
        everReady = true;
        info = event.info;
        watchdog.touch();
        options.onReady(event.info, event.loadMs);
        break;
      case "load_failed":
        doom = { reason: "load_failed", message: event.message };
        break;
      case "broken":
        condemn("broken", `The engine broke: ${event.message}`);
        break;
      case "log":
        log[event.level]({ engine: event.message }, "engine_log");
        break;
      case "step":
        watchdog.touch(event.stats?.passMs);
        break;
      case "loading":
        awaitLoading();
        break;
      case "preflight_ok":
      case "query_result":
      case "preflight_failed":
      case "prefix_store":
      case "process_stats":
        break;
    }
    options.onEvent(event);
  }

  function condemn(reason: DeathReason, message: string): void {
    doom ??= { reason, message };
    // SIGKILL also ends a stopped process, and native code that no longer listens.
    child?.kill("SIGKILL");
  }

  function onExit(engine: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (engine !== child) return;
    const wasReady = ready;
    child = undefined;
    ready = false;
    watchdog.rest();
    loadTimer?.cancel();
    gone?.();
    if (stopping) return;
    deaths += 1;
    const death = doom ?? deathOf(code, signal);
    log.error({ reason: death.reason, engine_exit: code, engine_signal: signal }, `engine_died: ${death.message}`);
    if (clock.now() - bornAt > healthyMs) backoff.reset();
    deathTimes = [...deathTimes.filter((at) => clock.now() - at < crashLoopWindowMs), clock.now()];
    options.onDeath(death.reason);
    if (wasReady) options.onLost(death.reason, death.message);
    if (!everReady) options.onGaveUp(death.message, true);
    else if (deathTimes.length >= options.crashLoopDeaths) {
      options.onGaveUp(
        `The engine died ${deathTimes.length} times within a minute. The last time: ${death.message}`,
        false,
      );
    } else restart = clock.setTimeout(start, backoff.next());
  }

  return {
    start,
    send(command) {
      if (command.type === "submit") watchdog.wake();
      if (child?.connected === true) child.send(command, ignoreSendError);
    },
    async stop() {
      stopping = true;
      restart?.cancel();
      watchdog.rest();
      const engine = child;
      if (engine === undefined) return;
      const left = new Promise<void>((resolve) => (gone = resolve));
      if (engine.connected) engine.send({ type: "shutdown" } satisfies EngineCommand, ignoreSendError);
      const kill = clock.setTimeout(() => engine.kill("SIGKILL"), leaveTimeoutMs);
      await left;
      kill.cancel();
    },
    get ready() {
      return ready;
    },
    get info() {
      return info;
    },
    get pid() {
      return child?.pid;
    },
    get starts() {
      return starts;
    },
    get deaths() {
      return deaths;
    },
  };
}

function deathOf(code: number | null, signal: NodeJS.Signals | null): { reason: DeathReason; message: string } {
  if (signal === "SIGKILL") {
    return { reason: "signal", message: "The engine was killed (SIGKILL); the system may have run out of memory." };
  }
  if (signal !== null) return { reason: "signal", message: `The engine crashed (${signal}).` };
  return { reason: "exit", message: `The engine left unasked with exit code ${code ?? "unknown"}.` };
}

/** A send that fails means that the engine is gone, and its exit tells that better. */
function ignoreSendError(): void {}

/** The sibling entry, in whichever form this file itself runs: .ts from source, .js from the build. */
function enginePath(): string {
  return fileURLToPath(new URL(`./engine-main${fromSource() ? ".ts" : ".js"}`, import.meta.url));
}

function engineExecArgv(): string[] {
  const source = fromSource() ? ["--conditions=waggle-source", "--import", import.meta.resolve("tsx")] : [];
  return ["--expose-gc", `--max-semi-space-size=${youngMiB}`, ...source];
}

function fromSource(): boolean {
  return import.meta.url.endsWith(".ts");
}

function engineEnv(inherited: SupervisorOptions["env"]): NodeJS.ProcessEnv {
  const { WAGGLE_API_TOKEN: _, ...env } = inherited;
  return {
    ...env,
    // One thread in libuv's pool keeps every pass on the same thread: with more, two compute threads lose half their speed (decision 003).
    UV_THREADPOOL_SIZE: "1",
    // A build with OpenMP spins at barriers this long before it sleeps. Longer is up to 5 % faster when the machine is quiet, and when
    // neighbours want the cores it is what makes two threads collapse (decision 008).
    GOMP_SPINCOUNT: env["GOMP_SPINCOUNT"] ?? "2000",
    // glibc keeps what is freed at the top of its heap up to twice the largest block so far, unless it is given a number: 25 MB here.
    MALLOC_TRIM_THRESHOLD_: env["MALLOC_TRIM_THRESHOLD_"] ?? String(128 * 1_024),
  };
}
