// Owns waiting for a state of another process that nobody announces.
import { poll } from "@waggle/harness";

/** @throws Error when the condition does not hold in time, with the last error it threw */
export async function waitUntil(holds: () => boolean | Promise<boolean>, timeoutMs?: number): Promise<void> {
  await poll("a condition to hold", holds, timeoutMs);
}
