// Owns the rules for our messages to NATS: their size limit, fire-and-forget publishing, and the time limit of a leaving member's last messages.
import { withTimeout } from "@waggle/async";
import type { NatsConnection } from "@nats-io/transport-node";
import { WaggleError } from "@waggle/protocol";

/** Bytes that are reserved for the headers of a message. */
const headerRoomBytes = 1_024;
const lastMessagesTimeoutMs = 1_000;

export function mostBytesOf({ info }: NatsConnection): number {
  return (info?.max_payload ?? Infinity) - headerRoomBytes;
}

/** @param what action for the error message, such as "hand the job to the fleet" @throws WaggleError payload_too_large */
export function requireFit(nc: NatsConnection, data: Uint8Array, what: string): void {
  const most = mostBytesOf(nc);
  if (data.length <= most) return;
  throw new WaggleError(
    "payload_too_large",
    `Cannot ${what}: it has ${data.length} bytes, compressed, and NATS takes ${most} (max_payload).`,
  );
}

/** Fire-and-forget publish. Never throws: a connection may close before we notice. */
export function fireAndForget(nc: NatsConnection, subject: string, data = ""): void {
  try {
    nc.publish(subject, data);
  } catch {
    // The receivers notice the missing message.
  }
}

/** Limits a leaving member's wait for its last messages. If NATS is slow, the other members notice the missing heartbeats. Never throws. */
export async function waitForLast(work: Promise<unknown> | undefined): Promise<void> {
  if (work !== undefined) await withTimeout(work, lastMessagesTimeoutMs, "").catch(() => {});
}
