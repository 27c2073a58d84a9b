// Owns messages of which nobody has to know whether they arrive.
import type { NatsConnection } from "@nats-io/transport-node";

/** Never throws: a connection may be closed before we are told. */
export function say(nc: NatsConnection, subject: string, data = ""): void {
  try {
    nc.publish(subject, data);
  } catch {
    // Whoever waits for it finds out by our silence.
  }
}
