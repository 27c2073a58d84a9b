// Checks that weights are locked in memory: llama.cpp continues without the lock, and a user's limit is often only a few megabytes.
import { readFileSync } from "node:fs";

const kib = 1_024;
/** Part of the weights that must be locked: the file's pages are more than its tensors, never fewer. */
const enough = 0.95;

/**
 * A sentence for the log where less is locked than the weights; undefined where all are, or on a system without this information.
 * @param weightBytes the weights in the memory of the CPU
 */
export function lockWarning(weightBytes: number, status: string | undefined = ownStatus()): string | undefined {
  const locked = Number(/^VmLck:\s+(\d+) kB$/m.exec(status ?? "")?.[1] ?? Number.NaN) * kib;
  if (!(locked < weightBytes * enough)) return undefined;
  const [is, of] = [locked, weightBytes].map((bytes) => `${Math.ceil(bytes / kib / kib)} MiB`);
  return `--mlock: ${is} of ${of} of the weights are locked in memory; the limit on locked memory (ulimit -l) is too small`;
}

/** The status of this process; Linux only. */
function ownStatus(): string | undefined {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return undefined;
  }
}
