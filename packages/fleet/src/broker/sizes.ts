// Owns the check that a message is not longer than the broker takes.
import { WaggleError } from "@waggle/protocol";
import type { Broker } from "./port.ts";

/** @param what action for the error message, such as "hand the job to the fleet" @throws WaggleError payload_too_large */
export function requireFit({ mostBytes }: Pick<Broker, "mostBytes">, data: Uint8Array, what: string): void {
  if (data.length <= mostBytes) return;
  throw new WaggleError(
    "payload_too_large",
    `Cannot ${what}: it has ${data.length} bytes, compressed, and NATS takes ${mostBytes} (max_payload).`,
  );
}
