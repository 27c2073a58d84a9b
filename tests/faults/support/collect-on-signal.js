// Preloaded into a worker process by cycles.ts, because the worker itself does not report its heap on demand. At SIGUSR2 it collects all garbage
// (node must run with --expose-gc) and writes the remaining memory to stderr as one log line.
import { writeSync } from "node:fs";

const stderrFd = 2;
/** Two: the first collection runs finalizers, and the second one frees the objects that they release. */
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
