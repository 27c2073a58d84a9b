// Returns the memory of an idle thread. V8 collects garbage where a thread allocates; after large messages an idle thread kept 120 MiB and more.
import { Session } from "node:inspector";
import { getHeapStatistics } from "node:v8";
import { serverLimits as limits } from "../connection/limits.ts";

/** Collects the garbage of this thread if its heap is large. */
export async function shrinkHeap(): Promise<void> {
  if (getHeapStatistics().total_heap_size <= limits.idleHeapMiB * 1_048_576) return;
  const session = new Session();
  session.connect();
  await new Promise<void>((resolve) => session.post("HeapProfiler.collectGarbage", () => resolve()));
  session.disconnect();
}
