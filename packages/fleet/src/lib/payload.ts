// Owns how long a message may be.
import type { NatsConnection } from "@nats-io/transport-node";
import { WaggleError } from "@waggle/protocol";

/** What a message has besides what we write. */
const headerRoomBytes = 1_024;

export function mostBytesOf({ info }: NatsConnection): number {
  return (info?.max_payload ?? Infinity) - headerRoomBytes;
}

/** @param what could not be done, as "hand the job to the fleet" @throws WaggleError payload_too_large */
export function requireFit(nc: NatsConnection, data: Uint8Array, what: string): void {
  const most = mostBytesOf(nc);
  if (data.length <= most) return;
  throw new WaggleError(
    "payload_too_large",
    `Cannot ${what}: it has ${data.length} bytes, compressed, and NATS takes ${most} (max_payload).`,
  );
}
