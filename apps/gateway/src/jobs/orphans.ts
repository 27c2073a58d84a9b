// Owns the jobs that waited at a gateway which is gone, and are to run without their client: one of the others goes on with them.
import type { Clock, TimerHandle } from "@waggle/async";
import type { GatewaySide } from "@waggle/fleet";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { Adoption } from "./adoption.ts";

/** How often it is looked whether a gateway has fallen silent; that costs nothing on NATS. */
const lookIntervalMs = 5_000;
/** After a connection has come: by then every gateway that lives has been heard of. */
const settleMs = 10_000;

export interface Orphans {
  close(): void;
}

export interface OrphansOptions {
  readonly side: Pick<GatewaySide, "connected" | "onConnection" | "silentGateways" | "isAlive" | "records">;
  readonly adopt: Adoption["adopt"];
  readonly clock: Clock;
  readonly log: Logger;
}

export function watchOrphans({ side, adopt, clock, log }: OrphansOptions): Orphans {
  /** Silent gateways whose jobs have been looked for. */
  let searched: ReadonlySet<string> = new Set();
  /** When to search whoever is silent: gateways may have gone before we came. */
  let dueAt: number | undefined;
  let searching = false;
  let timer: TimerHandle | undefined;

  const forget = side.onConnection((connected) => {
    dueAt = connected ? clock.now() + settleMs : undefined;
  });

  function look(): void {
    timer = clock.setTimeout(look, lookIntervalMs);
    const silent = side.silentGateways();
    const isDue = dueAt !== undefined && clock.now() >= dueAt;
    if (!side.connected || searching || !(isDue || silent.some((gateway) => !searched.has(gateway)))) return;
    searching = true;
    search()
      .then(
        () => {
          searched = new Set(silent);
          if (isDue) dueAt = undefined;
        },
        // A full queue, a model without workers, NATS away: the next look tries again.
        (error: unknown) => log.warn({ reason: WaggleError.from(error).message }, "fleet_orphans_wait"),
      )
      .finally(() => (searching = false));
  }

  /** A client that has not asked for that comes back for its job, or the job is over. */
  async function search(): Promise<void> {
    for await (const found of side.records.list()) {
      const { gateway, waits, spec } = found.record;
      if (waits && spec.onDisconnect === "continue" && !side.isAlive("gateway", gateway)) await adopt(found);
    }
  }

  look();
  return {
    close() {
      forget();
      timer?.cancel();
    },
  };
}
