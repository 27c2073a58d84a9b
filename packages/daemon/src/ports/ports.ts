// Owns the two queries about TCP ports and the choice of their source: /proc on Linux, lsof elsewhere.
import { lsofHolder, lsofPorts } from "./lsof.ts";
import { procHolder, procPorts } from "./proc.ts";

export interface PortHolder {
  readonly pid: number;
  /** The command line of the process if it can be read, else its name. */
  readonly command: string;
}

/**
 * The process that listens on this TCP port, on any address. If several processes share the port, the one with the lowest id. Undefined when
 * no process listens, or the process cannot be found, since the sockets of another user's process are hidden. Never throws.
 */
export async function findPortHolder(port: number): Promise<PortHolder | undefined> {
  try {
    return await (process.platform === "linux" ? procHolder(port) : lsofHolder(port));
  } catch {
    return undefined;
  }
}

/** The TCP ports on which any of these processes listens, in ascending order, each once. Empty when the ports cannot be found. Never throws. */
export async function listPortsOf(pids: readonly number[]): Promise<number[]> {
  if (pids.length === 0) return [];
  try {
    return await (process.platform === "linux" ? procPorts(pids) : lsofPorts(pids));
  } catch {
    return [];
  }
}
