// Measures the memory of all engines of a worker together while it works. Linux only: elsewhere the figures are 0.
import { readFile } from "node:fs/promises";
import { sleep } from "@waggle/async";
import { logged, parseUsage, sum, type Worker } from "@waggle/testing/harness";

export interface MemoryWatch {
  /** Largest resident memory of all engines together, at one measurement. */
  readonly mostMib: number;
  readonly mostEngines: number;
  stop(): Promise<void>;
}

const lookEveryMs = 100;

export function watchEngines({ log }: Pick<Worker, "log">): MemoryWatch {
  const over = new AbortController();
  const gone = new Set<number>();
  const most = { mib: 0, engines: 0 };

  async function look(): Promise<void> {
    const pids = log.lines.filter(logged("engine_start")).map((line) => Number(line["engine_pid"]));
    const held = await Promise.all(pids.filter((pid) => !gone.has(pid)).map(residentMib));
    most.mib = Math.max(most.mib, sum(held));
    most.engines = Math.max(most.engines, held.filter((mib) => mib > 0).length);
  }

  async function residentMib(pid: number): Promise<number> {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    if (stat === "") gone.add(pid);
    return parseUsage(stat).rssMiB;
  }

  const watching = (async () => {
    while (!over.signal.aborted) {
      await look();
      await sleep(lookEveryMs, { signal: over.signal }).catch(() => {});
    }
  })();
  return {
    get mostMib() {
      return Math.round(most.mib);
    },
    get mostEngines() {
      return most.engines;
    },
    async stop() {
      over.abort();
      await watching;
      await look();
    },
  };
}
