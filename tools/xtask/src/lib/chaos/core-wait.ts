// Owns the question how long a process was kept from running by others: on a busy machine that is most of a latency, and not its own.
import { readFileSync } from "node:fs";

const nsPerMs = 1_000_000;

/**
 * Milliseconds that the main thread of this process has spent ready to run, waiting for a core, since it began. 0 where the system does
 * not tell (it is Linux that does, in schedstat) and for a process that is gone.
 */
export function coreWaitMs(pid: number): number {
  try {
    return parseSchedstat(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8"));
  } catch {
    return 0;
  }
}

/** Its three numbers: nanoseconds on a core, nanoseconds waiting for one, time slices. */
export function parseSchedstat(text: string): number {
  return Number(text.split(" ")[1]) / nsPerMs;
}
