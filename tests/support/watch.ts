// Owns what a test sees of a worker while something is done to it: the gaps of an honest stream, the answers of /livez, processor time, memory.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { WorkerClient } from "@waggle/client";

export interface Stalls {
  /** Longest time between two events of the honest stream. */
  readonly streamMs: number;
  /** Longest answer of /livez: how long nobody was heard. */
  readonly livezMs: number;
}

export interface Watch {
  /** The longest since the last call, less what this process itself was late. */
  takeStalls(): Stalls;
  /** What went wrong with the honest streams: nothing may. */
  readonly problems: readonly string[];
  /** Streams that came to their end. */
  readonly streams: number;
  stop(): Promise<void>;
}

const pingIntervalMs = 25;
const tickMs = 10;
const answerTokens = 400;
/** Linux counts processor time in hundredths of a second; see proc(5). */
const cpuTickMs = 10;
const kibPerMib = 1_024;

/** Streams one honest answer after the other, and asks /livez all the while, until it is stopped. */
export function watchWorker(client: WorkerClient, url: string): Watch {
  const stopped = new AbortController();
  const problems: string[] = [];
  const lateness = watchLateness();
  let streams = 0;
  let stalls = { streamMs: 0, livezMs: 0 };

  /** Nothing that this process slept through is the worker's doing. */
  function note(kind: keyof Stalls, since: number): number {
    const now = performance.now();
    stalls[kind] = Math.max(stalls[kind], now - since - lateness.worstSince(since));
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
          if (event.index !== next) problems.push(`an honest stream said token ${event.index} where ${next} was due`);
          next = event.index + 1;
          at = note("streamMs", at ?? performance.now());
        }
        streams += 1;
      } catch (error) {
        if (stopped.signal.aborted) return;
        problems.push(`an honest stream broke: ${error instanceof Error ? error.message : String(error)}`);
        // Whoever has nobody to talk to does not try a thousand times a second.
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
    problems,
    get streams() {
      return streams;
    },
    async stop() {
      stopped.abort();
      await running;
      lateness.stop();
    },
  };
}

/** Processor time of the process's main thread since its start; 0 where the system does not tell. */
export function mainThreadMs(pid: number): number {
  const stat = read(`/proc/${pid}/task/${pid}/stat`);
  const [, user = "0", system = "0"] = /\)(?: \S+){11} (\d+) (\d+)/.exec(stat) ?? [];
  return (Number(user) + Number(system)) * cpuTickMs;
}

/** The most memory that the process has held so far; 0 where the system does not tell. */
export function peakMib(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / kibPerMib;
}

/** From here on the peak is counted anew. */
export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
  } catch {
    // Then the peak is that of all cases so far.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** How late this process's own timers are: it shares its cores with what it watches. */
function watchLateness(): { worstSince(since: number): number; stop(): void } {
  const late: { at: number; ms: number }[] = [];
  let due = performance.now() + tickMs;
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - due > tickMs) late.push({ at: now, ms: now - due });
    if (late.length > 1_000) late.splice(0, 500);
    due = now + tickMs;
  }, tickMs);
  return {
    worstSince: (since) =>
      Math.max(0, performance.now() - due, ...late.filter(({ at }) => at > since).map(({ ms }) => ms)),
    stop: () => clearInterval(timer),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return wait(ms, undefined, { signal }).catch(() => {});
}
