// Owns a thread that reads memory, as fast as it can, from the moment it is told to: the module of a thread, and no other's.
import { parentPort, workerData } from "node:worker_threads";

export interface ReaderData {
  /** Of both buffers together. */
  readonly bytes: number;
  readonly durationMs: number;
}

/** Once through the buffers. */
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
    // Equal ones are read to their end, both of them, by the fastest instructions there are.
    one.equals(other);
    const now = performance.now();
    slices.push({ bytes, ms: now - from });
    from = now;
  }
  parentPort?.postMessage(slices);
});
parentPort?.postMessage("ready");
