// Owns jobs that waited at a lost gateway and run without a client (`on_disconnect: continue`): one of the other gateways adopts them.
import type { Clock, TimerHandle } from "@waggle/async";
import type { GatewaySide } from "@waggle/fleet";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { Adoption } from "./adoption.ts";

/** Interval of the check for silent gateways. The check is local: it sends nothing to NATS. */
const lookIntervalMs = 5_000;
/** Time after a connection until every live gateway has sent a heartbeat. */
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
  /** Time of a search for the jobs of all silent gateways, also of those that were lost before this gateway started. */
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
