// Shares the machine's cores between engines: engines with jobs share the cores evenly, and a single engine with jobs gets all cores.
// More threads than cores make passes many times slower, since each pass waits at barriers for its slowest thread.
import type { ModelHost } from "../run/model-host-port.ts";

/**
 * Returns a function to call when a job or an engine has started or ended.
 * @param cores number of cores that this worker may use
 */
export function createCoreShares(cores: number, hosts: () => readonly ModelHost[]): () => void {
  return () => {
    const busy = hosts().filter(({ state, registry }) => state.name === "ready" && registry.liveCount > 0);
    const share = busy.length < 2 ? undefined : Math.max(1, Math.floor(cores / busy.length));
    for (const host of busy) host.limitThreads(share);
  };
}
