// Tracks which members are alive. A member sends a beat every two seconds, and counts as dead after five seconds without a beat. Gateways
// subscribe to the beats of all members, workers only to the beats of gateways: otherwise messages would grow with the square of the fleet.
import type { Clock, TimerHandle } from "@waggle/async";
import type { Subscription } from "@nats-io/transport-node";
import { fireAndForget } from "../nats/publish.ts";
import type { FleetConnection } from "../nats/connection.ts";
import { subjects, textOf } from "../nats/names.ts";

export type MemberKind = "worker" | "gateway";

const beatIntervalMs = 2_000;
const aliveForMs = 5_000;
/** How long a silent member is remembered. Its queue is deleted earlier. */
const rememberedForMs = 600_000;

export interface Beats {
  /** For five seconds after each of our connections, all members count as alive, because their beats may not have arrived yet. */
  isAlive(kind: MemberKind, id: string): boolean;
  /** Ids of members whose beats have stopped. */
  silent(kind: MemberKind): readonly string[];
  close(): void;
}

export function createBeats(
  connection: FleetConnection,
  self: { readonly kind: MemberKind; readonly id: string },
  clock: Clock,
): Beats {
  /** The time of each member's last beat, and whether that beat announced the member's departure. */
  const lastBeats = new Map<string, { readonly ms: number; readonly left: boolean }>();
  let connectedAt = -Infinity;
  let timer: TimerHandle | undefined;
  let subscription: Subscription | undefined;

  function beat(): void {
    timer = clock.setTimeout(beat, beatIntervalMs);
    for (const [name, last] of lastBeats) if (clock.now() - last.ms > rememberedForMs) lastBeats.delete(name);
    if (connection.connected) fireAndForget(connection.use().nc, subjects.beat(self.kind, self.id));
  }

  const forget = connection.onChange((connected, first) => {
    if (connected === undefined) return;
    connectedAt = clock.now();
    if (first) {
      subscription = connected.nc.subscribe(subjects.beatsFor(self.kind), {
        callback(error, { subject, data }) {
          if (error !== null) return;
          const name = subject.slice("waggle.beats.".length);
          lastBeats.set(name, { ms: clock.now(), left: data.length > 0 });
        },
      });
    }
    timer?.cancel();
    beat();
  });

  function age(name: string): number {
    const last = lastBeats.get(name);
    if (last?.left === true) return Infinity;
    return clock.now() - Math.max(last?.ms ?? -Infinity, connectedAt);
  }

  return {
    isAlive: (kind, id) => age(nameOf(kind, id)) < aliveForMs,
    silent(kind) {
      return [...lastBeats.keys()]
        .filter((name) => name.startsWith(`${kind}.`) && age(name) >= aliveForMs)
        .map((name) => textOf(name.slice(kind.length + 1)));
    },
    close() {
      forget();
      timer?.cancel();
      subscription?.unsubscribe();
      if (connection.connected) fireAndForget(connection.use().nc, subjects.beat(self.kind, self.id), "left");
    },
  };
}

function nameOf(kind: MemberKind, id: string): string {
  return subjects.beat(kind, id).slice("waggle.beats.".length);
}
