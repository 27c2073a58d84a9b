// A thread that reads memory as fast as it can. It starts at the first message, and answers with its slices.
import { parentPort, workerData } from "node:worker_threads";

export interface ReaderData {
  /** Bytes of both buffers together. */
  readonly bytes: number;
  readonly durationMs: number;
}

/** A pass over both buffers. */
export interface Slice {
  readonly bytes: number;
  readonly ms: number;
}

const { bytes, durationMs } = workerData as ReaderData;
const [one, other] = [Buffer.alloc(bytes / 2, 1), Buffer.alloc(bytes / 2, 1)];

parentPort?.once("message", () => {
  const slices: Slice[] = [];
  const end = performance.now() + durationMs;
  for (let from = performance.now(); from < end;) {
    // Comparing equal buffers reads both to the end, with the fastest instructions.
    one.equals(other);
    const now = performance.now();
    slices.push({ bytes, ms: now - from });
    from = now;
  }
  parentPort?.postMessage(slices);
});
parentPort?.postMessage("ready");
