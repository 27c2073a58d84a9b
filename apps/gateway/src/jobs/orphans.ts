// Takes over jobs that waited at a lost gateway and run without a client (`on_disconnect: continue`). One of the other gateways takes over each job.
import type { Clock, TimerHandle } from "@waggle/async";
import type { GatewayProcessId, GatewaySide } from "@waggle/fleet";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { Takeover } from "./takeover.ts";

/** Interval of the check for silent gateways. The check sends no message to NATS. */
const checkIntervalMs = 5_000;
/** Time after a connection until every live gateway has sent a heartbeat. */
const settleMs = 10_000;

export interface Orphans {
  close(): void;
}

export interface OrphansOptions {
  readonly side: Pick<GatewaySide, "connected" | "onConnection" | "silentGateways" | "isAlive" | "records">;
  readonly takeOver: Takeover["takeOver"];
  readonly clock: Clock;
  readonly log: Logger;
}

export function watchOrphans({ side, takeOver, clock, log }: OrphansOptions): Orphans {
  /** Silent gateways whose jobs have already been searched for. */
  let searched: ReadonlySet<GatewayProcessId> = new Set();
  /** When to search for jobs of gateways that were lost before this gateway connected. Milliseconds on the daemon's clock. */
  let dueAt: number | undefined;
  let searching = false;
  let timer: TimerHandle | undefined;

  const forget = side.onConnection((connected) => {
    dueAt = connected ? clock.now() + settleMs : undefined;
  });

  function checkGateways(): void {
    timer = clock.setTimeout(checkGateways, checkIntervalMs);
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
        // The queue is full, the model has no workers, or NATS is away: the next check tries again.
        (error: unknown) => log.warn({ reason: WaggleError.from(error).message }, "fleet_orphans_failed"),
      )
      .finally(() => (searching = false));
  }

  /** Takes over only jobs with `on_disconnect: continue`. Another job is taken over if its client comes back, and otherwise ends. */
  async function search(): Promise<void> {
    for (const found of await side.records.list()) {
      const { gateway, waits, spec } = found.record;
      if (waits && spec.when.onDisconnect === "continue" && !side.isAlive("gateway", gateway)) await takeOver(found);
    }
  }

  checkGateways();
  return {
    close() {
      forget();
      timer?.cancel();
    },
  };
}
