// Takes over jobs of a lost gateway: those that waited there and run without a client (`on_disconnect: continue`), and those with readers here too. One
// of the other gateways takes over each job.
import type { Clock, TimerHandle } from "@waggle/async";
import type { GatewayProcessId, GatewaySide } from "@waggle/fleet";
import type { Job } from "@waggle/jobs";
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
  readonly side: Pick<GatewaySide, "id" | "connected" | "onConnection" | "silentGateways" | "isAlive" | "records">;
  readonly known: (client: string, id: string) => Job | undefined;
  readonly takeOver: Takeover["takeOver"];
  readonly clock: Clock;
  readonly log: Logger;
}

export function watchOrphans({ side, known, takeOver, clock, log }: OrphansOptions): Orphans {
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

  /** Another job is taken over if its client comes back, and otherwise ends. */
  async function search(): Promise<void> {
    for (const found of await side.records.list()) {
      const { record, revision } = found;
      const { gateway, waits, spec } = record;
      if (side.isAlive("gateway", gateway)) continue;
      const here = known(spec.who.client, record.id);
      // Without this, its worker would end the job with the lost gateway's time.
      if (here?.callKey === record.callKey) await side.records.update({ ...record, gateway: side.id }, revision);
      else if (waits && spec.when.onDisconnect === "continue") await takeOver(found);
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
