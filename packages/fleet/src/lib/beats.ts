// Owns which members are alive: each sends a beat every two seconds, and is dead after five seconds of silence. Gateways hear all members; workers
// hear gateways alone, so that beats do not grow with the square of the fleet.
import type { Clock, TimerHandle } from "@waggle/async";
import type { Subscription } from "@nats-io/transport-node";
import type { FleetConnection } from "./connection.ts";
import { subjects, textOf } from "./names.ts";
import { say } from "./say.ts";

export type MemberKind = "worker" | "gateway";

const beatIntervalMs = 2_000;
const aliveForMs = 5_000;
/** How long a silent one is remembered; nobody needs it for longer than its queue is kept. */
const rememberedForMs = 600_000;

export interface Beats {
  /** Unknown ones count as alive for as long after our own (re)connection as a beat may take to come. */
  isAlive(kind: MemberKind, id: string): boolean;
  /** Those that have been heard of once, and fell silent. */
  silent(kind: MemberKind): readonly string[];
  close(): void;
}

export function createBeats(
  connection: FleetConnection,
  self: { readonly kind: MemberKind; readonly id: string },
  clock: Clock,
): Beats {
  /** When each was last heard of, and whether that was its last word. */
  const heardAt = new Map<string, { readonly ms: number; readonly left: boolean }>();
  let connectedAt = -Infinity;
  let timer: TimerHandle | undefined;
  let subscription: Subscription | undefined;

  function beat(): void {
    timer = clock.setTimeout(beat, beatIntervalMs);
    for (const [name, at] of heardAt) if (clock.now() - at.ms > rememberedForMs) heardAt.delete(name);
    if (connection.connected) say(connection.use().nc, subjects.beat(self.kind, self.id));
  }

  const forget = connection.onChange((connected, first) => {
    if (connected === undefined) return;
    connectedAt = clock.now();
    if (first) {
      subscription = connected.nc.subscribe(subjects.beatsFor(self.kind), {
        callback(error, { subject, data }) {
          if (error !== null) return;
          const name = subject.slice("waggle.beats.".length);
          heardAt.set(name, { ms: clock.now(), left: data.length > 0 });
        },
      });
    }
    timer?.cancel();
    beat();
  });

  function age(name: string): number {
    const heard = heardAt.get(name);
    if (heard?.left === true) return Infinity;
    return clock.now() - Math.max(heard?.ms ?? -Infinity, connectedAt);
  }

  return {
    isAlive: (kind, id) => age(nameOf(kind, id)) < aliveForMs,
    silent(kind) {
      return [...heardAt.keys()]
        .filter((name) => name.startsWith(`${kind}.`) && age(name) >= aliveForMs)
        .map((name) => textOf(name.slice(kind.length + 1)));
    },
    close() {
      forget();
      timer?.cancel();
      subscription?.unsubscribe();
      if (connection.connected) say(connection.use().nc, subjects.beat(self.kind, self.id), "left");
    },
  };
}

function nameOf(kind: MemberKind, id: string): string {
  return subjects.beat(kind, id).slice("waggle.beats.".length);
}
