// Measures how fast this machine reads memory with several threads. The result limits generation: each token reads all weights.
import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import { onAbort, startThread } from "@waggle/async";
import type { ReaderData, Slice } from "./memory-thread.ts";

/** Larger than one core's share of any CPU cache, so that the test reads from RAM. */
const usualBytesPerThread = 64 << 20;
/** Limit for the buffers of all threads together. */
const mostBytes = 1 << 29;
const leastBytesPerThread = 8 << 20;
const defaultDurationMs = 250;
/** Time limit for each message of a thread. */
const startTimeoutMs = 10_000;

export interface BandwidthOptions {
  /** Number of threads: use as many as the engine. By default one thread for each core; at most 64. */
  readonly threads?: number;
  readonly durationMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Bandwidth {
  readonly bytesPerSecond: number;
  /** Typical deviation of a pass from the median, as a part of the median; at least the part of the time in which the threads waited for a core. */
  readonly error: number;
  readonly threads: number;
}

/**
 * Each thread compares two equal buffers again and again: that reads both as fast as the machine can.
 * @throws Error when threads cannot be started; the signal's reason when it aborts
 */
export async function measureMemoryBandwidth(options: BandwidthOptions = {}): Promise<Bandwidth> {
  const { durationMs = defaultDurationMs, signal } = options;
  const threads = Math.max(1, Math.min(64, options.threads ?? availableParallelism()));
  const bytes = Math.max(leastBytesPerThread, Math.min(usualBytesPerThread, Math.floor(mostBytes / threads)));
  signal?.throwIfAborted();
  const workers = Array.from({ length: threads }, () => startReader(bytes, durationMs));
  try {
    await Promise.all(workers.map((worker) => nextMessage(worker, startTimeoutMs, signal)));
    const before = process.cpuUsage();
    for (const worker of workers) worker.postMessage("go");
    const answers = await Promise.all(
      workers.map((worker) => nextMessage(worker, startTimeoutMs + durationMs, signal)),
    );
    const { user, system } = process.cpuUsage(before);
    const coresMs = Math.min(threads, availableParallelism()) * durationMs;
    return resultOf(answers as (readonly Slice[])[], 1 - (user + system) / 1_000 / coresMs);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/**
 * Adds the threads' rates pass by pass, and takes the median. Exported for its test.
 * @param waited the part of the time in which the threads did not compute: a machine may be slow and busy without deviations
 */
export function resultOf(answers: readonly (readonly Slice[])[], waited = 0): Bandwidth {
  const slices = Math.min(...answers.map(({ length }) => length));
  const rates = Array.from({ length: slices }, (_, index) =>
    answers.reduce((total, answer) => total + rateOf(answer[index]), 0),
  ).toSorted((one, other) => one - other);
  const median = rates[Math.floor(slices / 2)] ?? 0;
  const deviations = rates.map((rate) => Math.abs(rate - median)).toSorted((one, other) => one - other);
  const typical = deviations[Math.floor(slices / 2)] ?? 0;
  const error = median === 0 ? 1 : Math.max(typical / median, waited);
  return { bytesPerSecond: median, error, threads: answers.length };
}

function rateOf(slice: Slice | undefined): number {
  return slice === undefined || slice.ms === 0 ? 0 : (slice.bytes / slice.ms) * 1_000;
}

function startReader(bytes: number, durationMs: number): Worker {
  const workerData: ReaderData = { bytes, durationMs };
  return startThread("memory-thread", import.meta.url, { env: {}, workerData });
}

async function nextMessage(worker: Worker, timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
  signal?.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(reject, new Error("the machine is too busy to measure its memory")), timeoutMs);
    const unlisten = signal === undefined ? (): void => {} : onAbort(signal, () => done(reject, signal.reason));
    const fail = (error: unknown): void => done(reject, error);
    const answer = (message: unknown): void => done(resolve, message);
    function done(settle: (value: unknown) => void, value: unknown): void {
      clearTimeout(timer);
      worker.off("message", answer);
      worker.off("error", fail);
      unlisten();
      settle(value);
    }
    worker.once("message", answer);
    worker.once("error", fail);
  });
}
