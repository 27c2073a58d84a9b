// Describes a machine's free memory and its memory bandwidth.
import type { Bandwidth } from "./bandwidth.ts";

export interface Machine {
  readonly freeBytes: number;
  readonly bandwidth?: Bandwidth | undefined;
  readonly gpu?: Gpu | undefined;
}

export interface Gpu {
  readonly name: string;
  readonly freeBytes: number;
  /** Memory bandwidth, if known: only the host's is measured. */
  readonly bytesPerSecond?: number | undefined;
}

/** A measurement with a larger error is not reliable. */
const largeError = 0.2;

export const busyWords = "The machine was busy during this measurement. Repeat it when the machine is idle.";

/** Whether other programs disturbed the measurement of the bandwidth, so that speeds and the choice of a model are not reliable. */
export function wasBusy({ bandwidth }: Pick<Machine, "bandwidth">): boolean {
  return bandwidth !== undefined && bandwidth.error > largeError;
}

/**
 * Describes this machine; callers measure bandwidth and GPU.
 * @param freeBytes by default the memory that is available to this process, within the limits of a container
 */
export function thisMachine(
  { bandwidth, gpu }: Pick<Machine, "bandwidth" | "gpu"> = {},
  freeBytes: number = process.availableMemory(),
): Machine {
  return { freeBytes, bandwidth, gpu };
}
