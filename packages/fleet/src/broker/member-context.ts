// Defines what each part of a member of the fleet uses: the broker, the time and chance.
import type { Clock } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import type { Chance } from "./chance.ts";
import type { Broker } from "./port.ts";

export interface MemberContext {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Logger;
}
