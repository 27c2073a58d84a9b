// Owns the time limit of a leaving member's messages to NATS. If NATS is slow, the other members notice the missing heartbeats.
import { withTimeout } from "@waggle/async";

const goodbyeTimeoutMs = 1_000;

/** Never throws. */
export async function goodbye(work: Promise<unknown> | undefined): Promise<void> {
  if (work !== undefined) await withTimeout(work, goodbyeTimeoutMs, "").catch(() => {});
}
