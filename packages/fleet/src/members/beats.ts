// Tracks which members are alive. A member sends a beat every two seconds, and counts as dead after five seconds without a beat. Gateways
// subscribe to the beats of all members, workers only to the beats of gateways: otherwise messages would grow with the square of the fleet.
import type { Clock, TimerHandle } from "@waggle/async";
import { topics, fromToken } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import type { GatewayProcessId } from "./gateway-process.ts";

/** The id in the beats of each kind of member: the configured id of a worker, the id of a gateway's process. */
interface BeatIds {
  readonly worker: string;
  readonly gateway: GatewayProcessId;
}

type MemberKind = keyof BeatIds;

/** Whether a member of this kind has sent a beat in the last five seconds, or within another time. */
export type IsAlive = <K extends MemberKind>(kind: K, id: BeatIds[K], withinMs?: number) => boolean;

const beatIntervalMs = 2_000;
const aliveForMs = 5_000;
/** How long a silent member is remembered. Its queue is deleted earlier. */
const rememberedForMs = 600_000;
/** The content of the beat of a member that leaves. Other beats are empty. */
const leftMark = new TextEncoder().encode("left");

export interface Beats {
  /** For five seconds after each of our connections, all members count as alive, because their beats may not have arrived yet. */
  readonly isAlive: IsAlive;
  /** Workers whose beats have stopped. */
  silentWorkers(): readonly string[];
  /** Whether the worker has announced that it leaves. */
  hasLeft(worker: string): boolean;
  /** Gateways whose beats have stopped. */
  silentGateways(): readonly GatewayProcessId[];
  /** Sends a beat now, if this process is a member, and then every two seconds. */
  beat(): void;
  /** Announces that this member leaves, and ends its beats. */
  close(): void;
}

/** @param isMember whether the id is this process's own: two workers may be started with one id */
export function createBeats(
  broker: Broker,
  self: { [K in MemberKind]: { readonly kind: K; readonly id: BeatIds[K] } }[MemberKind],
  clock: Clock,
  isMember: () => boolean = () => true,
): Beats {
  /** By topic: the time of each member's last beat, and whether that beat announced the member's departure. */
  const lastBeats = new Map<string, { readonly ms: number; readonly left: boolean }>();
  let connectedAt = -Infinity;
  let timer: TimerHandle | undefined;
  let left = false;

  function beat(): void {
    timer?.cancel();
    timer = clock.setTimeout(beat, beatIntervalMs);
    for (const [topic, { ms }] of lastBeats) if (clock.now() - ms > rememberedForMs) lastBeats.delete(topic);
    if (isMember()) broker.messages.send(topics.beat(self.kind, self.id));
  }

  const unsubscribe = broker.messages.receive(topics.beatsFor(self.kind), (topic, data) => {
    lastBeats.set(topic, { ms: clock.now(), left: data.length > 0 });
  });
  const forget = broker.onConnection((connected) => {
    if (!connected) return;
    connectedAt = clock.now();
    beat();
  });

  function age(topic: string): number {
    const last = lastBeats.get(topic);
    if (last?.left === true) return Infinity;
    return clock.now() - Math.max(last?.ms ?? -Infinity, connectedAt);
  }

  function silent(kind: MemberKind): string[] {
    const prefix = topics.beatPrefix(kind);
    return [...lastBeats.keys()]
      .filter((topic) => topic.startsWith(prefix) && age(topic) >= aliveForMs)
      .map((topic) => fromToken(topic.slice(prefix.length)));
  }

  function close(): void {
    if (left) return;
    left = true;
    forget();
    unsubscribe();
    timer?.cancel();
    if (isMember()) broker.messages.send(topics.beat(self.kind, self.id), leftMark);
  }

  return {
    isAlive: (kind, id, withinMs = aliveForMs) => age(topics.beat(kind, id)) < withinMs,
    silentWorkers: () => silent("worker"),
    hasLeft: (worker) => lastBeats.get(topics.beat("worker", worker))?.left === true,
    silentGateways: () => silent("gateway") as GatewayProcessId[],
    beat,
    close,
  };
}
