// Measures how fast this machine reads memory with several threads. That limits how fast a model generates, since each token reads all weights.
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
/** A thread that has not answered after this long counts as failed. */
const startTimeoutMs = 10_000;

export interface BandwidthOptions {
  /** As many as the engine would compute with; one for each core by default, and 64 at most. */
  readonly threads?: number;
  readonly durationMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Bandwidth {
  readonly bytesPerSecond: number;
  /**
   * By what part of it the slices of the measurement differ from their median: above 0.2 the machine had other things to do, and the number is
   * worth as little.
   */
  readonly error: number;
  readonly threads: number;
}

/**
 * Compares two equal buffers again and again, which reads both as fast as the machine can, in every thread at once.
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
    for (const worker of workers) worker.postMessage("go");
    const answers = await Promise.all(
      workers.map((worker) => nextMessage(worker, startTimeoutMs + durationMs, signal)),
    );
    return resultOf(answers as (readonly Slice[])[]);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Exported for its test: the rate of each moment is that of all threads together. */
export function resultOf(answers: readonly (readonly Slice[])[]): Bandwidth {
  const slices = Math.min(...answers.map(({ length }) => length));
  const rates = Array.from({ length: slices }, (_, index) =>
    answers.reduce((total, answer) => total + rateOf(answer[index]), 0),
  ).toSorted((one, other) => one - other);
  const median = rates[Math.floor(slices / 2)] ?? 0;
  const deviations = rates.map((rate) => Math.abs(rate - median)).toSorted((one, other) => one - other);
  const typical = deviations[Math.floor(slices / 2)] ?? 0;
  return { bytesPerSecond: median, error: median === 0 ? 1 : typical / median, threads: answers.length };
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
    const timer = setTimeout(() => done(reject, new Error("a thread that reads memory does not answer")), timeoutMs);
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
