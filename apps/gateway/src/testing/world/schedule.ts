// Defines a schedule of a simulated fleet: its members, its clients and its faults, all drawn from a seed. A schedule can lose parts and still run.
import { lanePriority } from "@waggle/protocol";
import { createRandom } from "@waggle/testing/harness";
import type { Random } from "@waggle/testing/harness";

export interface Schedule {
  /** The source of what happens during the run: delays, and choices of the broker. */
  readonly seed: number;
  readonly workers: number;
  readonly gateways: number;
  /** Slots of each worker. */
  readonly slots: number;
  readonly stepMs: number;
  /** Largest delay of a message, each way. */
  readonly delayMs: number;
  /** The last worker serves another file under the model's name. */
  readonly otherFile: boolean;
  readonly clients: readonly ClientPlan[];
  readonly faults: readonly FaultPlan[];
}

export const habits = [
  "plain",
  "continue",
  "same id",
  "other body",
  "cancel",
  "leave and resume",
  "leave",
  "session",
  "deadline",
  "slow",
  "two choices",
  "embed",
  "decide",
  "whole",
] as const;
export type Habit = (typeof habits)[number];

export interface ClientPlan {
  readonly number: number;
  readonly atMs: number;
  readonly habit: Habit;
  /** The first gateway that the client asks. */
  readonly gateway: number;
  readonly tokens: number;
  readonly seed: number;
  readonly priority: number;
  /** Jobs with one name are turns of one session, or requests with one job id. */
  readonly name: string | undefined;
  /** When the client cancels, leaves or comes back, after its request. */
  readonly afterMs: number;
}

const faultKinds = {
  "kill worker": 3,
  "stop worker": 3,
  "freeze worker": 3,
  "kill gateway": 3,
  "stop gateway": 3,
  "freeze gateway": 3,
  "hold worker": 3,
  "hold gateway": 3,
  "cut worker": 3,
  "cut gateway": 3,
  "cut gateway midway": 2,
  "cut worker midway": 2,
  "slow gateway": 2,
  "stop broker": 3,
  "lose stores": 1,
  "purge jobs": 1,
  "delete jobs": 1,
  "delete events": 1,
  "delete records.jobs": 1,
  "delete records.members": 1,
  "delete records.cancels": 1,
  "fill jobs": 1,
  "deny worker": 2,
  redeliver: 1,
  "foreign record": 1,
  "second worker": 1,
} as const;
export type FaultKind = keyof typeof faultKinds;

export interface FaultPlan {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly lastsMs: number;
  /** Number of the member that it befalls. */
  readonly target: number;
}

/** How long requests and faults go on. */
const busyMs = 30_000;
const weights = Object.entries(faultKinds) as [FaultKind, number][];
export const allFaults: readonly FaultKind[] = weights.map(([kind]) => kind);
const weighted = weights.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));

/** A schedule with few kinds of clients and faults has more of what only these do together. */
function drawSome<T>(random: Random, from: readonly T[]): readonly T[] {
  return Array.from({ length: random.pick([1, 2, 3, from.length]) }, () => random.pick(from));
}

export function drawSchedule(seed: number): Schedule {
  const random = createRandom(seed, "schedule");
  const some = { habits: drawSome(random, habits), faults: drawSome(random, weighted) };
  const clients = Array.from({ length: random.between(2, 12) }, (_, number) => drawClient(random, number, some.habits));
  const faults = Array.from({ length: random.between(0, 5) }, () => drawFault(random, some.faults));
  return {
    seed,
    workers: random.between(1, 3),
    gateways: random.between(1, 3),
    slots: random.between(1, 3),
    stepMs: random.pick([50, 200, 400]),
    delayMs: random.pick([1, 1, 20, 150]),
    otherFile: random.next() < 0.15,
    clients,
    faults: faults.toSorted((a, b) => a.atMs - b.atMs),
  };
}

function drawClient(random: Random, number: number, of: readonly Habit[]): ClientPlan {
  const habit = random.pick(of);
  const isShared = habit === "session" || habit === "same id" || habit === "other body";
  return {
    number,
    atMs: 1_000 + Math.floor(random.next() * busyMs),
    habit,
    gateway: random.between(0, 2),
    tokens: random.between(1, 40),
    // Two requests with one id are equal, unless their client is careless.
    seed: habit === "same id" ? 1 : number,
    priority: random.next() < 0.3 ? random.pick([-1, 1, lanePriority, lanePriority]) : 0,
    name: isShared ? `${habit === "session" ? "s" : "j"}${random.between(1, 2)}` : undefined,
    afterMs: Math.floor(random.next() * 4_000),
  };
}

function drawFault(random: Random, of: readonly FaultKind[]): FaultPlan {
  const isLong = random.next() < 0.25;
  return {
    kind: random.pick(of),
    atMs: 1_000 + Math.floor(random.next() * busyMs),
    lastsMs: Math.floor(500 + random.next() * (isLong ? 45_000 : 12_000)),
    target: random.between(0, 2),
  };
}
