// Owns one engine process, from its fork to its exit: what it is ready for, when it hangs, and why it died.
import type { ChildProcess } from "node:child_process";
import { deferred } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import type { BackendInfo, EngineCommand, EngineEvent, EngineLife, JobEvent, OpenedFile } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { sortEvent } from "./engine-host.ts";
import type { DeathReason, EngineOwner } from "./engine-host.ts";
import type { EngineStart } from "./engine-start.ts";
import { picturePipe, sendCommand } from "./picture-pipe.ts";
import { answerToUndelivered } from "./undeliverable.ts";
import { createWatchdog } from "./watchdog.ts";

/** Time for an engine to exit after the command `shutdown`; then it is killed. */
const leaveTimeoutMs = 1_000;

export interface EngineInstanceOptions {
  readonly start: EngineStart;
  readonly owner: EngineOwner;
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
  readonly onExit: (exit: EngineExit) => void;
}

/** How an engine died, or could not be started. */
export interface EngineExit {
  readonly reason: DeathReason;
  readonly message: string;
  /** What the engine reported when it was ready, and how long it was ready; undefined if it never was. */
  readonly served?: { readonly info: BackendInfo; readonly ms: number } | undefined;
  /** Whether a job has progressed in the engine. */
  readonly progressed?: boolean;
  /** The file that the engine was opening or trying. */
  readonly opening?: OpenedFile | undefined;
  /** Whether a picture has been encoded. */
  readonly hasSeen?: boolean;
  /** Milliseconds per token of the last transfer of a KV snapshot, or of the one that ran. */
  readonly transferTokenMs?: number | undefined;
  /** Fields for the log. `killed_by` is undefined for a fault in the engine's code. */
  readonly facts?: { readonly engine_exit: number | null; readonly engine_signal: string | null; killed_by?: string };
}

export interface EngineInstance {
  readonly pid: number | undefined;
  readonly ready: boolean;
  /** As `EngineHost.send`. */
  send(command: EngineCommand): void;
  /** Ends the process, by command or by a signal; resolves when it is gone. */
  leave(): Promise<void>;
}

/** Watches a process that has just been forked, and makes it load the model. */
export function createEngineInstance(engine: ChildProcess, options: EngineInstanceOptions): EngineInstance {
  const { clock, log, owner } = options;
  const gone = deferred<void>();
  let ready: { readonly info: BackendInfo; readonly atMs: number } | undefined;
  let progressed = false;
  /** The reason of the coming death, if it is known more precisely than from the exit status. */
  let doom: Pick<EngineExit, "reason" | "message"> | undefined;
  /** Whether the worker has killed the engine. */
  let condemned = false;
  let opening: OpenedFile | undefined;
  let hasSeen = false;
  let transferTokenMs: number | undefined;
  let loadTimer: TimerHandle | undefined;

  const watchdog = createWatchdog({
    clock,
    timeoutMs: options.watchdogTimeoutMs,
    busy: () => owner.busy,
    onHang: (silentMs, busy) => {
      const what = busy ? "no step" : "no sign of life";
      const when = busy ? "jobs were running" : "it was idle";
      condemn("hung", `The engine hung: ${what} for ${Math.round(silentMs)} ms while ${when}.`);
    },
  });

  for (const output of [engine.stdout, engine.stderr]) {
    output?.on("data", (text: Buffer) => log.debug({ engine: text.toString().trimEnd() }, "engine_output"));
  }
  // Only a dead engine closes the pipe, and its exit status has a better reason.
  engine.stdio[picturePipe]?.on("error", () => {});
  engine.on("message", (message) => onMessage(message as EngineEvent));
  engine.on("error", (error) => condemn("exit", `The engine process failed: ${error.message}`));
  // "exit" may overtake the last messages; "close" comes only when the channel has been read to its end.
  engine.once("close", onClose);
  engine.send(options.start, ignoreSendError);
  awaitLoading();

  function awaitLoading(): void {
    loadTimer?.cancel();
    loadTimer = clock.setTimeout(() => {
      condemn("hung", `Cannot load the model: no progress for ${options.loadTimeoutMs} ms.`);
    }, options.loadTimeoutMs);
  }

  function onMessage(event: EngineEvent): void {
    watchdog.receivedMessage();
    if (event.type === "step") progressed ||= event.events.some(isProgress);
    sortEvent(event, owner, onLife);
    // Called last, because the watchdog needs `busy` to be up to date.
    if (event.type === "step") watchdog.stepped(event.stats?.passMs);
    // No step is made during a transfer, which takes long in a slow folder.
    if (event.type !== "prefix_store") return;
    transferTokenMs = event.ms / Math.max(1, event.tokens);
    watchdog.stepped();
  }

  function onLife(event: EngineLife): void {
    switch (event.type) {
      case "ready":
        loadTimer?.cancel();
        ready = { info: event.info, atMs: clock.now() };
        watchdog.start();
        owner.ready(event.info, event.loadMs);
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
        if (ready === undefined) awaitLoading();
        break;
      case "loading":
        awaitLoading();
        owner.loading(event.progress);
        break;
    }
  }

  function condemn(reason: DeathReason, message: string): void {
    doom ??= { reason, message };
    condemned = true;
    // SIGKILL also ends a stopped process, and native code that hangs.
    engine.kill("SIGKILL");
  }

  function onClose(code: number | null, signal: NodeJS.Signals | null): void {
    loadTimer?.cancel();
    watchdog.stop();
    gone.resolve();
    options.onExit({
      ...(doom ?? deathOf(code, signal)),
      served: ready === undefined ? undefined : { info: ready.info, ms: clock.now() - ready.atMs },
      ...{ progressed, opening, hasSeen, transferTokenMs },
      facts: { engine_exit: code, engine_signal: signal, ...killerOf(signal, condemned, doom !== undefined) },
    });
  }

  function send(command: EngineCommand): void {
    if (deliver(engine, command, options) && command.type === "start") watchdog.wake();
  }

  return {
    pid: engine.pid,
    get ready() {
      return ready !== undefined;
    },
    send,
    async leave() {
      watchdog.stop();
      send({ type: "shutdown" });
      const kill = clock.setTimeout(() => engine.kill("SIGKILL"), leaveTimeoutMs);
      await gone.promise;
      kill.cancel();
    },
  };
}

/** Returns whether the command was sent. A command that cannot be serialized gets a failure event. */
function deliver(engine: ChildProcess, command: EngineCommand, { owner, log }: EngineInstanceOptions): boolean {
  if (!engine.connected) return false;
  try {
    sendCommand(engine, command, ignoreSendError);
    return true;
  } catch (error) {
    const why = thrownReason(error);
    log.warn({ command: command.type, reason: why }, "engine_command_failed");
    const message = `Cannot send the request to the engine: ${why}.`;
    const code = error instanceof WaggleError ? error.code : "invalid_argument";
    const answer = answerToUndelivered(command, { code, message });
    // Answer in a microtask, like every answer, because the caller's `send` has not returned yet.
    if (answer !== undefined) queueMicrotask(() => owner.job(answer));
    return false;
  }
}

/** The death of an engine whose process could not be started. */
export function startFailure(thrown: unknown): EngineExit {
  return { reason: "start_failed", message: `Cannot start the engine process: ${thrownReason(thrown)}.` };
}

function thrownReason(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function isProgress({ type }: JobEvent): boolean {
  return type === "token" || type === "embedding";
}

const otherKiller = "the system or another process";
/** Signals that end a process from outside; others are faults in the code of the process. */
const killingSignals: readonly NodeJS.Signals[] = ["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"];

/** Who sent the signal. An engine that could not load the model ends itself. */
function killerOf(signal: NodeJS.Signals | null, condemned: boolean, doomed: boolean): { killed_by?: string } {
  if (signal === null || !killingSignals.includes(signal)) return {};
  return { killed_by: condemned ? "worker" : doomed ? "engine" : otherKiller };
}

function deathOf(code: number | null, signal: NodeJS.Signals | null): Pick<EngineExit, "reason" | "message"> {
  if (signal === "SIGKILL") {
    const who = `by ${otherKiller}: memory may have run out (journalctl -k says so)`;
    return { reason: "signal", message: `The engine was killed (SIGKILL) ${who}.` };
  }
  if (signal !== null) return { reason: "signal", message: `The engine crashed (${signal}).` };
  return { reason: "exit", message: `The engine exited unexpectedly with code ${code ?? "unknown"}.` };
}

/** Ignored, because a failed send means that the engine is gone, and its exit status has a better reason. */
function ignoreSendError(): void {}
