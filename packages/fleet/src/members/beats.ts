// Tracks which members are alive. A member sends a beat every two seconds, and counts as dead after five seconds without a beat. Gateways
// subscribe to the beats of all members, workers only to the beats of gateways: otherwise messages would grow with the square of the fleet.
import type { Clock, TimerHandle } from "@waggle/async";
import { fireAndForget } from "../nats/publish.ts";
import { subscribeAlways, type FleetConnection } from "../nats/connection.ts";
import { subjects, fromSubjectToken } from "../nats/names.ts";
import type { GatewayProcessId } from "./gateway-process.ts";

/** The id in the beats of each kind of member: the configured id of a worker, the id of a gateway's process. */
interface BeatIds {
  readonly worker: string;
  readonly gateway: GatewayProcessId;
}

type MemberKind = keyof BeatIds;

/** Whether a member of this kind has sent a beat in the last seconds. */
export type IsAlive = <K extends MemberKind>(kind: K, id: BeatIds[K]) => boolean;

const beatIntervalMs = 2_000;
const aliveForMs = 5_000;
/** How long a silent member is remembered. Its queue is deleted earlier. */
const rememberedForMs = 600_000;

export interface Beats {
  /** For five seconds after each of our connections, all members count as alive, because their beats may not have arrived yet. */
  readonly isAlive: IsAlive;
  /** Workers whose beats have stopped. */
  silentWorkers(): readonly string[];
  /** Gateways whose beats have stopped. */
  silentGateways(): readonly GatewayProcessId[];
  close(): void;
}

export function createBeats(
  connection: FleetConnection,
  self: { [K in MemberKind]: { readonly kind: K; readonly id: BeatIds[K] } }[MemberKind],
  clock: Clock,
): Beats {
  /** By subject: the time of each member's last beat, and whether that beat announced the member's departure. */
  const lastBeats = new Map<string, { readonly ms: number; readonly left: boolean }>();
  let connectedAt = -Infinity;
  let timer: TimerHandle | undefined;

  function beat(): void {
    timer = clock.setTimeout(beat, beatIntervalMs);
    for (const [subject, { ms }] of lastBeats) if (clock.now() - ms > rememberedForMs) lastBeats.delete(subject);
    if (connection.connected) fireAndForget(connection.use().nc, subjects.beat(self.kind, self.id));
  }

  const unsubscribe = subscribeAlways(connection, subjects.beatsFor(self.kind), ({ subject, data }) => {
    lastBeats.set(subject, { ms: clock.now(), left: data.length > 0 });
  });
  const forget = connection.onChange((connected) => {
    if (connected === undefined) return;
    connectedAt = clock.now();
    timer?.cancel();
    beat();
  });

  function age(subject: string): number {
    const last = lastBeats.get(subject);
    if (last?.left === true) return Infinity;
    return clock.now() - Math.max(last?.ms ?? -Infinity, connectedAt);
  }

  function silent(kind: MemberKind): string[] {
    const prefix = subjects.beatPrefix(kind);
    return [...lastBeats.keys()]
      .filter((subject) => subject.startsWith(prefix) && age(subject) >= aliveForMs)
      .map((subject) => fromSubjectToken(subject.slice(prefix.length)));
  }

  return {
    isAlive: (kind, id) => age(subjects.beat(kind, id)) < aliveForMs,
    silentWorkers: () => silent("worker"),
    silentGateways: () => silent("gateway") as GatewayProcessId[],
    close() {
      forget();
      unsubscribe();
      timer?.cancel();
      if (connection.connected) fireAndForget(connection.use().nc, subjects.beat(self.kind, self.id), "left");
    },
  };
}
