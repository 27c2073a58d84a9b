// Owns what of a machine decides which models fit: free memory, and how fast it is read.
import type { Bandwidth } from "./bandwidth.ts";

export interface Machine {
  /** Bytes that may be taken. */
  readonly freeBytes: number;
  readonly bandwidth?: Bandwidth | undefined;
  readonly gpu?: Gpu | undefined;
}

export interface Gpu {
  readonly name: string;
  readonly freeBytes: number;
  /** Bytes in a second, where it is known; nothing here measures it. */
  readonly bytesPerSecond?: number | undefined;
}

/**
 * This one. Who knows of a GPU says so.
 * @param freeBytes by default what is available to this process, within the limits of a container
 */
export function thisMachine(
  { bandwidth, gpu }: Pick<Machine, "bandwidth" | "gpu"> = {},
  freeBytes: number = process.availableMemory(),
): Machine {
  return { freeBytes, bandwidth, gpu };
}
