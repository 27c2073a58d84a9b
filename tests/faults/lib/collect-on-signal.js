// Owns the look inside a worker's heap: preloaded into the worker process by worker:chaos, and by nothing else. The worker itself has no
// hook for it. At SIGUSR2 it collects all garbage (node must run with --expose-gc) and says on stderr what is left, as one log line.
import { writeSync } from "node:fs";

const stderrFd = 2;
/** Objects that a finalizer frees go with the collection after. */
const collections = 2;

process.on("SIGUSR2", () => {
  for (let i = 0; i < collections; i += 1) globalThis.gc?.();
  const { heapUsed, rss, external } = process.memoryUsage();
  const line = {
    msg: "memory_after_collection",
    collected: globalThis.gc !== undefined,
    heap_used: heapUsed,
    rss,
    external,
  };
  writeSync(stderrFd, `${JSON.stringify(line)}\n`);
});
