// Owns what chaos asks the process table.
import { listProcesses } from "../processes.ts";

/** Whether the process lives; one that has ended and only waits to be collected does not. */
export async function isAlive(pid: number): Promise<boolean> {
  return (await listProcesses()).some((entry) => entry.pid === pid);
}
