// Owns the engine process: starts it, watches it, replaces it when it dies, and gives up when that does not help.
// It knows nothing of jobs; what dies with an engine is the dispatcher's business.
import type { ChildProcess } from "node:child_process";
import { createBackoff } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import type { BackendInfo, EngineCommand, EngineEvent, JobEvent } from "@waggle/engine";
import type { Logger } from "@waggle/telemetry";
import type { DeathReason, EngineHost, EngineHostEvents } from "./engine-host.ts";
import { forkEngine } from "./engine-process.ts";
import type { EngineStart } from "./engine-start.ts";
import { answerToUndelivered } from "./undeliverable.ts";
import { createWatchdog } from "./watchdog.ts";

/** Waits before the 1st, 2nd … restart in a row; an engine that has lived starts over. */
const restartDelaysMs = [0, 500, 1_000, 2_000, 4_000];
/** An engine that served for so long after it was ready has lived, and so has one that brought a job further; any other has failed. */
const healthyMs = 60_000;
/** How long an engine may take to leave by command. */
const leaveTimeoutMs = 1_000;

interface Death {
  readonly reason: DeathReason;
  readonly message: string;
}

export interface SupervisorOptions extends EngineHostEvents {
  readonly start: EngineStart;
  /** Of the engine process, which needs no secrets. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * It hangs: no step for the longer of this and 20 times the median step while jobs are in it, or no word for the longer
   * of this and 5 s while none are.
   */
  readonly watchdogTimeoutMs: number;
  /** Longest silence while it loads. */
  readonly loadTimeoutMs: number;
  /** So many deaths in a row, none after a new token or a minute of service, are a crash loop; how long loading takes does not matter. */
  readonly crashLoopDeaths: number;
  /** An engine has loaded this file before: then only an engine that says so itself cannot load it. */
  readonly loadedBefore?: boolean;
  /** After the last process, when it was told to stop. */
  readonly onStopped?: (() => void) | undefined;
  /** Default: a real process. */
  readonly fork?: typeof forkEngine;
}

export function createSupervisor(options: SupervisorOptions): EngineHost {
  const { clock, log } = options;
  const fork = options.fork ?? forkEngine;
  const backoff = createBackoff({ delaysMs: restartDelaysMs });
  let child: ChildProcess | undefined;
  let info: BackendInfo | undefined;
  /** When the present engine became ready; undefined while it loads, and while there is none. */
  let readyAt: number | undefined;
  let everReady = false;
  /** The present engine has brought a job further. */
  let progressed = false;
  let stopping = false;
  let starts = 0;
  let deaths = 0;
  let deathsInARow = 0;
  let restart: TimerHandle | undefined;
  /** Why the engine is about to die, when we know better than its exit status. */
  let doom: Death | undefined;
  let gone: (() => void) | undefined;
  let loadTimer: TimerHandle | undefined;

  const watchdog = createWatchdog({
    clock,
    timeoutMs: options.watchdogTimeoutMs,
    busy: options.busy,
    onHang: (silentMs, busy) => {
      const what = busy ? "no step" : "no sign of life";
      const when = busy ? "jobs were running" : "it was idle";
      condemn("hung", `The engine hung: ${what} for ${Math.round(silentMs)} ms while ${when}.`);
    },
  });

  function start(): void {
    restart = undefined;
    doom = undefined;
    let engine: ChildProcess;
    try {
      engine = fork(options.env);
    } catch (error) {
      // A microtask later, as every other death: nobody hears of one within the call that starts an engine.
      queueMicrotask(() => onStartFailed(error));
      return;
    }
    if (engine.pid === undefined) {
      engine.once("error", onStartFailed);
      return;
    }
    starts += 1;
    progressed = false;
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
    watchdog.heard();
    switch (event.type) {
      case "ready":
        loadTimer?.cancel();
        readyAt = clock.now();
        everReady = true;
        info = event.info;
        watchdog.start();
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
      case "loading":
        awaitLoading();
        break;
      case "step":
      case "preflight_ok":
      case "query_result":
      case "preflight_failed":
      case "prefix_store":
      case "process_stats":
      case "gpu_memory":
        break;
    }
    if (event.type === "step") progressed ||= event.events.some(bringsFurther);
    options.onEvent(event);
    // Afterwards, when it is known whether the engine has work left.
    if (event.type === "step") watchdog.stepped(event.stats?.passMs);
  }

  function condemn(reason: DeathReason, message: string): void {
    doom ??= { reason, message };
    // SIGKILL also ends a stopped process, and native code that no longer listens.
    child?.kill("SIGKILL");
  }

  function onExit(engine: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (engine !== child) return;
    child = undefined;
    loadTimer?.cancel();
    watchdog.stop();
    gone?.();
    onDeath(doom ?? deathOf(code, signal), { engine_exit: code, engine_signal: signal });
  }

  function onStartFailed(thrown: unknown): void {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    onDeath({ reason: "start_failed", message: `Cannot start the engine process: ${why}.` }, {});
  }

  function onDeath(death: Death, facts: object): void {
    const servedMs = readyAt === undefined ? undefined : clock.now() - readyAt;
    const hasLived = progressed || (servedMs !== undefined && servedMs >= healthyMs);
    readyAt = undefined;
    progressed = false;
    if (stopping) return;
    deaths += 1;
    const isVerdict = !everReady && (death.reason === "load_failed" || options.loadedBefore !== true);
    // A verdict is told by whoever hears it.
    log[isVerdict ? "info" : "error"]({ reason: death.reason, ...facts }, `engine_died: ${death.message}`);
    if (hasLived) {
      backoff.reset();
      deathsInARow = 0;
    }
    deathsInARow += 1;
    options.onDeath(death.reason);
    if (servedMs !== undefined) options.onLost(death.reason, death.message);
    if (isVerdict) options.onGaveUp(death.message, true);
    else if (deathsInARow >= options.crashLoopDeaths) {
      const loop = `The engine died ${deathsInARow} times in a row, never after a token or a minute of service.`;
      options.onGaveUp(`${loop} The last time: ${death.message}`, false);
    } else restart = clock.setTimeout(start, backoff.next());
  }

  function send(command: EngineCommand): void {
    if (child?.connected !== true) return;
    try {
      child.send(command, ignoreSendError);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.warn({ command: command.type }, `engine_command_failed: ${why}`);
      const message = `Cannot hand the request to the engine: ${why}.`;
      const answer = answerToUndelivered(command, { code: "invalid_argument", message });
      // Later, as every answer: the caller has not finished giving the command.
      if (answer !== undefined) queueMicrotask(() => options.onEvent(answer));
      return;
    }
    if (command.type === "submit") watchdog.wake();
  }

  async function leave(engine: ChildProcess): Promise<void> {
    const left = new Promise<void>((resolve) => (gone = resolve));
    send({ type: "shutdown" });
    const kill = clock.setTimeout(() => engine.kill("SIGKILL"), leaveTimeoutMs);
    await left;
    kill.cancel();
  }

  return {
    start,
    send,
    async stop() {
      stopping = true;
      restart?.cancel();
      watchdog.stop();
      if (child !== undefined) await leave(child);
      options.onStopped?.();
    },
    get ready() {
      return readyAt !== undefined;
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

/** A token, or a text's vector. */
function bringsFurther({ type }: JobEvent): boolean {
  return type === "token" || type === "embedding";
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
