// Checks that weights are locked in memory. llama.cpp continues without the lock, and a user's limit is often only a few megabytes.
import { readFileSync } from "node:fs";

const kib = 1_024;
/** Part of the weights that must be locked. Below 1 as a tolerance: locked pages are usually more than the tensors. */
const enough = 0.95;

/**
 * @param weightBytes bytes of the weights in host memory
 * @returns a warning for the log; undefined if all weights are locked, or the system does not report the locked memory
 */
export function lockWarning(weightBytes: number, status: string | undefined = ownStatus()): string | undefined {
  const locked = Number(/^VmLck:\s+(\d+) kB$/m.exec(status ?? "")?.[1] ?? Number.NaN) * kib;
  if (!(locked < weightBytes * enough)) return undefined;
  const [is, of] = [locked, weightBytes].map((bytes) => `${Math.ceil(bytes / kib / kib)} MiB`);
  return `--mlock: ${is} of ${of} of the weights are locked in memory; the limit on locked memory (ulimit -l) is too small`;
}

/** Status of this process. Linux only. */
function ownStatus(): string | undefined {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return undefined;
  }
}
