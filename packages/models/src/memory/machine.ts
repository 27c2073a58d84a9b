// Describes what decides which models fit on a machine: its free memory, and the memory bandwidth.
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
  /** Memory bandwidth in bytes per second, if known; it is not measured here. */
  readonly bytesPerSecond?: number | undefined;
}

/**
 * This machine without its GPU, which the caller adds if there is a GPU.
 * @param freeBytes by default what is available to this process, within the limits of a container
 */
export function thisMachine(
  { bandwidth, gpu }: Pick<Machine, "bandwidth" | "gpu"> = {},
  freeBytes: number = process.availableMemory(),
): Machine {
  return { freeBytes, bandwidth, gpu };
}
