// Keeps an engine process running: starts and restarts it, and gives up in a crash loop. The dispatcher handles lost jobs.
import type { ChildProcess } from "node:child_process";
import { createBackoff } from "@waggle/async";
import type { TimerHandle } from "@waggle/async";
import type { EngineHost, EngineOwner } from "./engine-host.ts";
import {
  createEngineInstance,
  startFailure,
  type EngineExit,
  type EngineInstance,
  type EngineInstanceOptions,
} from "./engine-instance.ts";
import { forkEngine } from "./engine-process.ts";
import { startAgain, startWithout, wordsAt } from "./engine-start.ts";

/** Waits before the 1st, 2nd … restart in a row; a healthy engine resets the count. */
const restartDelaysMs = [0, 500, 1_000, 2_000, 4_000];
/**
 * An engine counts as healthy when it has been ready for this time or a job has progressed in it. The death of a healthy engine starts a
 * new count of deaths in a row.
 */
const healthyMs = 60_000;

export interface SupervisorOptions extends Omit<EngineInstanceOptions, "owner" | "onExit"> {
  /** Environment of the engine process, without secrets. */
  readonly env: Readonly<Record<string, string | undefined>>;
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
  const { clock, log, fork = forkEngine } = options;
  const backoff = createBackoff({ delaysMs: restartDelaysMs });
  let { start } = options;
  let current: EngineInstance | undefined;
  let everReady = false;
  /** Whether a picture has been encoded: then a later crash has another reason than the projector. */
  let hasSeen = false;
  let stopping = false;
  let starts = 0;
  let deaths = 0;
  let deathsInARow = 0;
  let restart: TimerHandle | undefined;

  function launch(owner: EngineOwner): void {
    const onExit = (exit: EngineExit): void => onDeath(owner, exit);
    let engine: ChildProcess;
    try {
      engine = fork(options.env);
    } catch (error) {
      // Report in a microtask, as for every other death: the owner is never called within `launch`.
      queueMicrotask(() => onExit(startFailure(error)));
      return;
    }
    if (engine.pid === undefined) {
      engine.once("error", (error) => onExit(startFailure(error)));
      return;
    }
    starts += 1;
    current = createEngineInstance(engine, { ...options, start, owner, onExit });
    owner.started();
    log.info({ engine_pid: engine.pid, start: starts }, "engine_start");
  }

  function onDeath(owner: EngineOwner, exit: EngineExit): void {
    const { reason, served, progressed = false, facts } = exit;
    current = undefined;
    everReady ||= served !== undefined;
    hasSeen ||= exit.hasSeen === true;
    if (stopping) return;
    deaths += 1;
    if (served !== undefined) start = startAgain(start, served.info, exit.transferTokenMs);
    const at = reason === "load_failed" || hasSeen ? undefined : exit.opening;
    const message = at === undefined ? exit.message : wordsAt(at, exit.message);
    const mayBlame = at !== undefined && (!everReady || (served !== undefined && facts?.killed_by === undefined));
    const without = mayBlame ? startWithout(start, at, exit.message) : undefined;
    start = without ?? start;
    const isVerdict =
      without === undefined && !everReady && (reason === "load_failed" || options.loadedBefore !== true);
    // The owner reports a final death.
    log[isVerdict ? "info" : "error"](
      { event: "engine_died", death: reason, reason: message, ...facts },
      "engine_died",
    );
    if (progressed || (served !== undefined && served.ms >= healthyMs)) {
      backoff.reset();
      deathsInARow = 0;
    }
    if (served === undefined || !owner.preparing) deathsInARow += 1;
    const final = isVerdict ? message : crashLoop(message);
    owner.died({ reason, message, wasReady: served !== undefined, final });
    if (final === undefined) restart = clock.setTimeout(() => launch(owner), backoff.next());
  }

  /** Why the deaths are a crash loop; undefined if they are not. */
  function crashLoop(message: string): string | undefined {
    if (deathsInARow < options.crashLoopDeaths) return undefined;
    const loop = `The engine died ${deathsInARow} times in a row, never after a token or a minute of service.`;
    return `${loop} The last time: ${message}`;
  }

  return {
    start: launch,
    send: (command) => current?.send(command),
    async stop() {
      stopping = true;
      restart?.cancel();
      await current?.leave();
      options.onStopped?.();
    },
    get ready() {
      return current?.ready === true;
    },
    get pid() {
      return current?.pid;
    },
    get starts() {
      return starts;
    },
    get deaths() {
      return deaths;
    },
  };
}
