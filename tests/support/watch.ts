// Watches a worker during an attack: gaps of an honest stream, answers of /livez, CPU time, memory.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { WorkerClient } from "@waggle/client";
import { errorText, mainThreadOf, parseUsage } from "@waggle/testing/harness";

export interface Stalls {
  /** Longest time between two tokens of the honest stream, by the engine's clock, as far as the engine computed during that time. */
  readonly streamMs: number;
  /** Longest time until /livez answered, as far as the worker's main thread computed during that time. */
  readonly livezMs: number;
}

export interface Watch {
  /** Longest stalls since the last call. */
  takeStalls(): Stalls;
  /** Processor time of the worker so far, with all its threads. */
  workedMs(): number;
  /** Problems of the honest streams. */
  readonly problems: readonly string[];
  /** Number of tokens of all honest streams. */
  readonly tokens: number;
  stop(): Promise<void>;
}

const pingIntervalMs = 25;
const answerTokens = 1_500;
const kibPerMib = 1_024;

/**
 * Streams one honest answer after another, and calls /livez repeatedly, until `stop` is called. A pause counts only as far as its process used
 * processor time: other processes cause most of a pause on a busy machine, and all of it while a process is stopped.
 */
export function watchWorker(client: WorkerClient, url: string, workerPid: number, enginePid: number): Watch {
  const stopped = new AbortController();
  const problems: string[] = [];
  const cpuMs = (pid: number): number => parseUsage(read(`/proc/${pid}/stat`)).cpuMs;
  let tokens = 0;
  let stalls = { streamMs: 0, livezMs: 0 };

  function note(kind: keyof Stalls, ms: number): void {
    stalls[kind] = Math.max(stalls[kind], ms);
  }

  async function stream(): Promise<void> {
    for (let turn = 0; !stopped.signal.aborted; turn += 1) {
      const request = { prompt: "Once upon a time", ignore_eos: true, max_tokens: answerTokens, priority: 10 };
      let last: { readonly tMs: number; readonly engineMs: number } | undefined;
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
          const now = { tMs: event.t_ms, engineMs: cpuMs(enginePid) };
          if (last !== undefined) note("streamMs", Math.min(now.tMs - last.tMs, now.engineMs - last.engineMs));
          last = now;
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
      const [askedAt, before] = [performance.now(), mainThreadOf(workerPid).cpuMs];
      await fetch(`${url}/livez`, { signal: stopped.signal }).then(
        (answer) => answer.text(),
        () => {},
      );
      if (!stopped.signal.aborted)
        note("livezMs", Math.min(performance.now() - askedAt, mainThreadOf(workerPid).cpuMs - before));
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
    workedMs: () => cpuMs(workerPid),
    problems,
    get tokens() {
      return tokens;
    },
    async stop() {
      stopped.abort();
      await running;
    },
  };
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

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return wait(ms, undefined, { signal }).catch(() => {});
}
