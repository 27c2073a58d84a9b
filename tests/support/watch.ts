// Watches a worker during an attack: gaps of an honest stream, answers of /livez, CPU time, memory.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { WorkerClient } from "@waggle/client";
import { errorText } from "@waggle/testing/harness";

export interface Stalls {
  /** Longest time between two events of the honest stream. */
  readonly streamMs: number;
  /** Longest time until /livez answered. */
  readonly livezMs: number;
}

export interface Watch {
  /** Longest stalls since the last call. */
  takeStalls(): Stalls;
  /** Time since `since` for which the worker or its engine can be responsible: at most their CPU time, and without delays of this process. */
  workedMs(since: number): number;
  /** Problems of the honest streams. */
  readonly problems: readonly string[];
  /** Number of tokens of all honest streams. */
  readonly tokens: number;
  stop(): Promise<void>;
}

const pingIntervalMs = 25;
const tickMs = 10;
/** Number of kept moments: those of one minute. */
const momentsLimit = 6_000;
const answerTokens = 1_500;
/** Linux counts CPU time in hundredths of a second; see proc(5). */
const cpuTickMs = 10;
const kibPerMib = 1_024;

/**
 * Streams one honest answer after another, and calls /livez repeatedly, until `stop` is called. A pause counts only as far as the worker's main
 * thread and the engine used CPU time during the pause: on a busy machine, other processes cause most of a pause.
 */
export function watchWorker(client: WorkerClient, url: string, workerPid: number, enginePid: number): Watch {
  const stopped = new AbortController();
  const problems: string[] = [];
  const serving = createClock([`/proc/${workerPid}/task/${workerPid}/stat`, `/proc/${enginePid}/stat`]);
  const working = createClock([`/proc/${workerPid}/stat`, `/proc/${enginePid}/stat`]);
  let tokens = 0;
  let stalls = { streamMs: 0, livezMs: 0 };

  function note(kind: keyof Stalls, since: number): number {
    const now = performance.now();
    // Most pauses are too short to matter, so their cause is not computed.
    if (now - since > stalls[kind]) stalls[kind] = Math.max(stalls[kind], serving.ownMs(since));
    return now;
  }

  async function stream(): Promise<void> {
    for (let turn = 0; !stopped.signal.aborted; turn += 1) {
      const request = { prompt: "Once upon a time", ignore_eos: true, max_tokens: answerTokens, priority: 10 };
      let at: number | undefined;
      let next = 0;
      try {
        for await (const event of client.inference(
          { ...request, job_id: `honest-${turn}` },
          { signal: stopped.signal },
        )) {
          if (event.type === "error") problems.push(`an honest stream ended with ${event.code}: ${event.message}`);
          if (event.type !== "token") continue;
          if (event.index !== next) problems.push(`an honest stream sent token ${event.index} where ${next} was due`);
          next = event.index + 1;
          tokens += 1;
          at = note("streamMs", at ?? performance.now());
        }
      } catch (error) {
        if (stopped.signal.aborted) return;
        problems.push(`an honest stream broke: ${errorText(error)}`);
        // Pauses, so that this is not a busy loop if the worker does not answer.
        await pause(pingIntervalMs, stopped.signal);
      }
    }
  }

  async function ping(): Promise<void> {
    while (!stopped.signal.aborted) {
      const askedAt = performance.now();
      await fetch(`${url}/livez`, { signal: stopped.signal }).then(
        (answer) => answer.text(),
        () => {},
      );
      if (!stopped.signal.aborted) note("livezMs", askedAt);
      await pause(pingIntervalMs, stopped.signal);
    }
  }

  const running = Promise.all([stream(), ping()]);
  return {
    takeStalls() {
      const taken = stalls;
      stalls = { streamMs: 0, livezMs: 0 };
      return taken;
    },
    workedMs: working.ownMs,
    problems,
    get tokens() {
      return tokens;
    },
    async stop() {
      stopped.abort();
      await running;
      serving.stop();
      working.stop();
    },
  };
}

/** CPU time of the process's main thread since its start; 0 if the system does not report it. */
export function mainThreadMs(pid: number): number {
  return cpuMs(`/proc/${pid}/task/${pid}/stat`) ?? 0;
}

function cpuMs(path: string): number | undefined {
  const ticks = /\)(?: \S+){11} (\d+) (\d+)/.exec(read(path));
  return ticks === null ? undefined : (Number(ticks[1]) + Number(ticks[2])) * cpuTickMs;
}

/** Peak resident memory of the process; 0 if the system does not report it. */
export function peakMib(pid: number): number {
  return statusMib(pid, /^VmHWM:\s+(\d+) kB/m);
}

/** Resident memory of the process; 0 if the system does not report it. */
export function rssMib(pid: number): number {
  return statusMib(pid, /^VmRSS:\s+(\d+) kB/m);
}

function statusMib(pid: number, line: RegExp): number {
  return Number(line.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / kibPerMib;
}

/** Resets the peak. */
export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Without the reset, the peak is that of all cases so far.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

interface Moment {
  readonly at: number;
  /** Delay of this process's timer. */
  readonly lateMs: number;
  /** CPU time of all watched processes and threads so far; undefined if the system does not report it. */
  readonly cpuMs: number | undefined;
}

/** @param stats paths of the stat files of the processes and threads to watch */
function createClock(stats: readonly string[]): { ownMs(since: number): number; stop(): void } {
  const moments: Moment[] = [];

  function look(): Moment {
    const at = performance.now();
    const due = (moments.at(-1)?.at ?? at) + tickMs;
    const times = stats.map(cpuMs);
    const cpu = times.includes(undefined) ? undefined : times.reduce<number>((sum, time = 0) => sum + time, 0);
    return { at, lateMs: Math.max(0, at - due), cpuMs: cpu };
  }

  const timer = setInterval(() => {
    moments.push(look());
    if (moments.length > momentsLimit) moments.splice(0, momentsLimit / 2);
  }, tickMs);
  return {
    ownMs(since) {
      const now = look();
      const before = moments.findLast(({ at }) => at <= since) ?? moments[0] ?? now;
      const lateMs = Math.max(now.lateMs, ...moments.filter(({ at }) => at > since).map(({ lateMs }) => lateMs));
      const wallMs = now.at - since - lateMs;
      return now.cpuMs === undefined || before.cpuMs === undefined
        ? wallMs
        : Math.min(wallMs, now.cpuMs - before.cpuMs);
    },
    stop: () => clearInterval(timer),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return wait(ms, undefined, { signal }).catch(() => {});
}
