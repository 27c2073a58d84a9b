// Owns how long a member that leaves waits for NATS. What the others are not told in that time they find out by its silence.
import { withTimeout } from "@waggle/async";

const goodbyeTimeoutMs = 1_000;

/** Never throws. */
export async function goodbye(work: Promise<unknown> | undefined): Promise<void> {
  if (work !== undefined) await withTimeout(work, goodbyeTimeoutMs, "").catch(() => {});
}
