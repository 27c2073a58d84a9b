// Owns the engine process: starts it, watches it, restarts it when it dies, and gives up in a crash loop. It knows no jobs; the dispatcher handles
// the jobs that are lost with an engine.
import type { ChildProcess } from "node:child_process";
import { createBackoff, createCondition } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import type { EngineCommand, EngineEvent, EngineLife, JobEvent, OpenedFile } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { sortEvent } from "./engine-host.ts";
import type { DeathReason, EngineHost, EngineOwner } from "./engine-host.ts";
import { forkEngine } from "./engine-process.ts";
import { startAgain, startWithout, wordsAt, type EngineStart } from "./engine-start.ts";
import { picturePipe, sendCommand } from "./picture-pipe.ts";
import { answerToUndelivered } from "./undeliverable.ts";
import { createWatchdog } from "./watchdog.ts";

/** Waits before the 1st, 2nd … restart in a row; a healthy engine resets the count. */
const restartDelaysMs = [0, 500, 1_000, 2_000, 4_000];
/**
 * An engine counts as healthy when it has been ready for this time or a job has progressed in it. The death of a healthy engine starts a
 * new count of deaths in a row.
 */
const healthyMs = 60_000;
/** Time for an engine to exit after the command `shutdown`; then it is killed. */
const leaveTimeoutMs = 1_000;

interface Death {
  readonly reason: DeathReason;
  readonly message: string;
}

export interface SupervisorOptions {
  readonly start: EngineStart;
  /** Environment of the engine process, without secrets. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * The timeout after which an engine counts as hung. With jobs: no step and no sign of prepared work for this time or 20 times the median step, whichever
   * is longer.
   * Without jobs: no message for this time or 5 s, whichever is longer.
   */
  readonly watchdogTimeoutMs: number;
  /** Longest silence while the engine loads. */
  readonly loadTimeoutMs: number;
  /**
   * Number of deaths in a row that make a crash loop. A death counts if it comes before a new token and before a minute of
   * service; the time of loading does not count. A death while requests are prepared does not count: the jobs end, and not the model.
   */
  readonly crashLoopDeaths: number;
  /** True when an engine has loaded this file before: then only `load_failed` means that the file cannot be loaded. */
  readonly loadedBefore?: boolean;
  /** Called when the last process has exited after `stop`. */
  readonly onStopped?: (() => void) | undefined;
  readonly fork?: typeof forkEngine;
}

export function createSupervisor(options: SupervisorOptions): EngineHost {
  const { clock, log } = options;
  const fork = options.fork ?? forkEngine;
  const backoff = createBackoff({ delaysMs: restartDelaysMs });
  let { start } = options;
  let owner: EngineOwner | undefined;
  let child: ChildProcess | undefined;
  /** When the present engine became ready; undefined while it loads, and while there is no engine. */
  let readyAt: number | undefined;
  let everReady = false;
  /** Whether a job has progressed in the present engine. */
  let progressed = false;
  let stopping = false;
  let starts = 0;
  let deaths = 0;
  let deathsInARow = 0;
  let restart: TimerHandle | undefined;
  /** Reason of the coming death, if the supervisor knows a more precise reason than the exit status. */
  let doom: Death | undefined;
  /** Whether the supervisor has killed the present engine. */
  let condemned = false;
  /** The file that the present engine opens or tries. */
  let opening: OpenedFile | undefined;
  /** Whether a picture has been encoded: then a later crash has another reason than the projector. */
  let hasSeen = false;
  const gone = createCondition(() => child === undefined);
  let loadTimer: TimerHandle | undefined;

  const watchdog = createWatchdog({
    clock,
    timeoutMs: options.watchdogTimeoutMs,
    busy: () => owner?.busy === true,
    onHang: (silentMs, busy) => {
      const what = busy ? "no step" : "no sign of life";
      const when = busy ? "jobs were running" : "it was idle";
      condemn("hung", `The engine hung: ${what} for ${Math.round(silentMs)} ms while ${when}.`);
    },
  });

  function launch(): void {
    restart = undefined;
    doom = undefined;
    condemned = false;
    opening = undefined;
    let engine: ChildProcess;
    try {
      engine = fork(options.env);
    } catch (error) {
      // Report in a microtask, as for every other death: the owner is never called within `launch`.
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
    owner?.started();
    log.info({ engine_pid: engine.pid, start: starts }, "engine_start");
    engine.stdout?.on("data", (text: Buffer) => log.debug({ engine: text.toString().trimEnd() }, "engine_output"));
    engine.stderr?.on("data", (text: Buffer) => log.debug({ engine: text.toString().trimEnd() }, "engine_output"));
    // Only a dead engine closes the pipe, and its exit status has a better reason.
    engine.stdio[picturePipe]?.on("error", () => {});
    engine.on("message", (message) => onMessage(engine, message as EngineEvent));
    engine.on("error", (error) => condemn("exit", `The engine process failed: ${error.message}`));
    // "exit" may overtake the last messages; "close" comes only when the channel has been read to its end.
    engine.once("close", (code, signal) => onExit(engine, code, signal));
    engine.send(start, ignoreSendError);
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
    watchdog.receivedMessage();
    if (event.type === "step") progressed ||= event.events.some(isProgress);
    sortEvent(event, owner, onLife);
    // Called last, because the watchdog needs `busy` to be up to date.
    if (event.type === "step") watchdog.stepped(event.stats?.passMs);
  }

  function onLife(event: EngineLife): void {
    switch (event.type) {
      case "ready":
        loadTimer?.cancel();
        readyAt = clock.now();
        everReady = true;
        start = startAgain(start, event.info);
        watchdog.start();
        owner?.ready(event.info, event.loadMs);
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
      case "opening":
        hasSeen ||= opening?.kind === "picture" && event.file === undefined;
        opening = event.file;
        if (readyAt === undefined) awaitLoading();
        break;
      case "loading":
        awaitLoading();
        owner?.loading(event.progress);
        break;
    }
  }

  function condemn(reason: DeathReason, message: string): void {
    doom ??= { reason, message };
    condemned = true;
    // SIGKILL also ends a stopped process, and native code that hangs.
    child?.kill("SIGKILL");
  }

  function onExit(engine: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (engine !== child) return;
    child = undefined;
    loadTimer?.cancel();
    watchdog.stop();
    gone.check();
    const death = doom ?? deathOf(code, signal);
    const killedBy = killerOf(signal, condemned, doom);
    const facts = {
      engine_exit: code,
      engine_signal: signal,
      ...(killedBy === undefined ? {} : { killed_by: killedBy }),
    };
    onDeath(death, facts);
  }

  function onStartFailed(thrown: unknown): void {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    onDeath({ reason: "start_failed", message: `Cannot start the engine process: ${why}.` }, {});
  }

  function onDeath(cause: Death, facts: { readonly killed_by?: string }): void {
    const servedMs = readyAt === undefined ? undefined : clock.now() - readyAt;
    const hasLived = progressed || (servedMs !== undefined && servedMs >= healthyMs);
    readyAt = undefined;
    progressed = false;
    if (stopping) return;
    deaths += 1;
    const at = cause.reason === "load_failed" || hasSeen ? undefined : opening;
    const death = at === undefined ? cause : { ...cause, message: wordsAt(at, cause.message) };
    const mayBlame = at !== undefined && (!everReady || (servedMs !== undefined && facts.killed_by === undefined));
    const without = mayBlame ? startWithout(start, at, cause.message) : undefined;
    start = without ?? start;
    const isVerdict =
      without === undefined && !everReady && (death.reason === "load_failed" || options.loadedBefore !== true);
    // The owner reports a final death.
    const line = { event: "engine_died", death: death.reason, reason: death.message, ...facts };
    log[isVerdict ? "info" : "error"](line, "engine_died");
    if (hasLived) {
      backoff.reset();
      deathsInARow = 0;
    }
    if (servedMs === undefined || owner?.preparing !== true) deathsInARow += 1;
    const final = isVerdict ? death.message : crashLoop(death);
    owner?.died({ ...death, wasReady: servedMs !== undefined, final });
    if (final === undefined) restart = clock.setTimeout(launch, backoff.next());
  }

  /** Why the deaths are a crash loop; undefined if they are not. */
  function crashLoop({ message }: Death): string | undefined {
    if (deathsInARow < options.crashLoopDeaths) return undefined;
    const loop = `The engine died ${deathsInARow} times in a row, never after a token or a minute of service.`;
    return `${loop} The last time: ${message}`;
  }

  function send(command: EngineCommand): void {
    if (child?.connected !== true) return;
    try {
      sendCommand(child, command, ignoreSendError);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.warn({ command: command.type, reason: why }, "engine_command_failed");
      const message = `Cannot send the request to the engine: ${why}.`;
      const code = error instanceof WaggleError ? error.code : "invalid_argument";
      const answer = answerToUndelivered(command, { code, message });
      // Answer in a microtask, like every answer, because the caller's `send` has not returned yet.
      if (answer !== undefined) queueMicrotask(() => owner?.job(answer));
      return;
    }
    if (command.type === "start") watchdog.wake();
  }

  async function leave(engine: ChildProcess): Promise<void> {
    send({ type: "shutdown" });
    const kill = clock.setTimeout(() => engine.kill("SIGKILL"), leaveTimeoutMs);
    await gone.wait();
    kill.cancel();
  }

  return {
    start(by) {
      owner = by;
      launch();
    },
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

function isProgress({ type }: JobEvent): boolean {
  return type === "token" || type === "embedding";
}

const otherKiller = "the system or another process";
/** Signals that end a process from outside; others are faults in the code of the process. */
const killingSignals: readonly NodeJS.Signals[] = ["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"];

/** Who sent the signal. An engine that could not load the model ends itself. */
function killerOf(signal: NodeJS.Signals | null, condemned: boolean, doom: Death | undefined): string | undefined {
  if (signal === null || !killingSignals.includes(signal)) return undefined;
  if (condemned) return "worker";
  return doom === undefined ? otherKiller : "engine";
}

function deathOf(code: number | null, signal: NodeJS.Signals | null): { reason: DeathReason; message: string } {
  if (signal === "SIGKILL") {
    const who = `by ${otherKiller}: memory may have run out (journalctl -k says so)`;
    return { reason: "signal", message: `The engine was killed (SIGKILL) ${who}.` };
  }
  if (signal !== null) return { reason: "signal", message: `The engine crashed (${signal}).` };
  return { reason: "exit", message: `The engine exited unexpectedly with code ${code ?? "unknown"}.` };
}

/** Ignored, because a failed send means that the engine is gone, and its exit status has a better reason. */
function ignoreSendError(): void {}
