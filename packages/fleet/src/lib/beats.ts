// Owns who is alive: every member beats every two seconds, and who has not been heard of for five is not.
import type { Clock, TimerHandle } from "@waggle/async";
import type { Subscription } from "@nats-io/transport-node";
import type { FleetConnection } from "./connection.ts";
import { subjects, textOf } from "./names.ts";

export type MemberKind = "worker" | "gateway";

const beatIntervalMs = 2_000;
const aliveForMs = 5_000;

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
  const heardAt = new Map<string, number>();
  let connectedAt = -Infinity;
  let timer: TimerHandle | undefined;
  let subscription: Subscription | undefined;

  function beat(): void {
    timer = clock.setTimeout(beat, beatIntervalMs);
    if (!connection.connected) return;
    connection.use().nc.publish(subjects.beat(self.kind, self.id));
  }

  const forget = connection.onChange((connected, first) => {
    if (connected === undefined) return;
    connectedAt = clock.now();
    if (first) {
      subscription = connected.nc.subscribe(subjects.allBeats, {
        callback(error, { subject, data }) {
          if (error !== null) return;
          const name = subject.slice("waggle.beats.".length);
          // A last word says that there will be none.
          if (data.length > 0) heardAt.set(name, -Infinity);
          else heardAt.set(name, clock.now());
        },
      });
    }
    timer?.cancel();
    beat();
  });

  function age(name: string): number {
    return clock.now() - Math.max(heardAt.get(name) ?? -Infinity, connectedAt);
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
      if (connection.connected) connection.use().nc.publish(subjects.beat(self.kind, self.id), "left");
    },
  };
}

function nameOf(kind: MemberKind, id: string): string {
  return subjects.beat(kind, id).slice("waggle.beats.".length);
}
