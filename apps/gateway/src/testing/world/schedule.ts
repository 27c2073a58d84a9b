// Defines a schedule of a simulated fleet: its members, its clients and its faults, all drawn from a seed. A schedule can lose parts and still run.
import { lanes, type Lane } from "@waggle/fleet/model";
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
  /** Largest delay of a message in each lane, each way. */
  readonly delaysMs: Readonly<Record<Lane, number>>;
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
  /** Whether its prompt begins like those of others, so that the worker of the last one promises it a slot. */
  readonly follows: boolean;
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
  "kill broker": 2,
  "freeze broker": 3,
  "lose stores": 1,
  "purge jobs": 1,
  "delete jobs": 1,
  "delete events": 1,
  "delete records.jobs": 1,
  "delete records.members": 1,
  "delete records.cancels": 1,
  "fill jobs": 1,
  "fill events": 1,
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

const mostTokens = 40;
/** How long requests and faults go on. In a short time more of them meet. */
const busyMs = [30_000, 30_000, 30_000, 8_000];
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
  const drawMs = (
    (busy) => () =>
      1_000 + Math.floor(random.next() * busy)
  )(random.pick(busyMs));
  const clients = Array.from({ length: random.between(2, 12) }, (_, number) =>
    drawClient(random, number, some.habits, drawMs()),
  );
  const faults = Array.from({ length: random.between(0, 5) }, () => drawFault(random, some.faults, drawMs()));
  const schedule: Schedule = {
    seed,
    workers: random.between(1, 3),
    gateways: random.between(1, 3),
    slots: random.between(1, 3),
    stepMs: random.pick([50, 200, 400]),
    delaysMs: drawDelays(random),
    otherFile: random.next() < 0.15,
    clients,
    faults: faults.toSorted((a, b) => a.atMs - b.atMs),
  };
  return random.next() < 0.2 ? { ...schedule, ...random.pick([drawDeath, drawOutage])(random) } : schedule;
}

/** The death of a worker that has promised slots, and a broker that is frozen when its jobs are looked for. */
function drawDeath(random: Random): Partial<Schedule> {
  const frozenMs = 16_000 + random.between(0, 1_500);
  const faults: readonly FaultPlan[] = [
    { kind: "kill worker", atMs: 12_000, lastsMs: 200_000, target: random.between(0, 2) },
    { kind: "freeze broker", atMs: frozenMs, lastsMs: 6_000, target: 0 },
  ];
  return { ...drawLongJobs(random, ["plain", "session", "continue"], 1_500), workers: random.between(2, 3), faults };
}

/** Jobs that another gateway has taken over, and that end while it is away. Its reads are faster than the records of the jobs. */
function drawOutage(random: Random): Partial<Schedule> {
  const lastsMs = random.between(15_000, 24_000);
  return {
    ...drawLongJobs(random, ["leave and resume"], 500),
    gateways: 2,
    delaysMs: { acks: 600, messages: 1, deliveries: 20, reads: 1 },
    faults: [{ kind: "hold gateway", atMs: 10_000, lastsMs, target: random.between(0, 1) }],
  };
}

/** Six jobs of sixteen seconds, with this time between them. */
function drawLongJobs(
  random: Random,
  of: readonly Habit[],
  everyMs: number,
): Pick<Schedule, "slots" | "stepMs" | "clients"> {
  const clients = Array.from({ length: 6 }, (_, number) => ({
    ...drawClient(random, number, of, 2_000 + everyMs * number),
    tokens: mostTokens,
    priority: 0,
    follows: true,
  }));
  return { slots: 3, stepMs: 400, clients };
}

/** In half of the schedules no lane is faster than another one. A question to a process has a limit of a second for four ways. */
function drawDelays(random: Random): Schedule["delaysMs"] {
  const usualMs = random.pick([1, 1, 20, 150]);
  const differ = random.next() < 0.5;
  const draw = (lane: Lane): number =>
    differ ? random.pick([usualMs, 1, 20, 150, lane === "messages" ? 150 : 600]) : usualMs;
  return Object.fromEntries(lanes.map((lane) => [lane, draw(lane)])) as Schedule["delaysMs"];
}

function drawClient(random: Random, number: number, of: readonly Habit[], atMs: number): ClientPlan {
  const habit = random.pick(of);
  const isShared = habit === "session" || habit === "same id" || habit === "other body";
  // A lane job is forgotten at its end, so its client does not ask for it again.
  const priorities = habit === "leave and resume" || habit === "cancel" ? [-1, 1] : [-1, 1, lanePriority, lanePriority];
  return {
    number,
    atMs,
    habit,
    gateway: random.between(0, 2),
    // Two requests with one id are equal, unless their client is careless.
    tokens: habit === "same id" ? mostTokens : random.between(1, mostTokens),
    seed: habit === "same id" ? 1 : number,
    priority: habit !== "same id" && random.next() < 0.3 ? random.pick(priorities) : 0,
    follows: random.next() < 0.5,
    name: isShared ? `${habit === "session" ? "s" : "j"}${random.between(1, 2)}` : undefined,
    afterMs: Math.floor(random.next() * 4_000),
  };
}

function drawFault(random: Random, of: readonly FaultKind[], atMs: number): FaultPlan {
  const kind = random.pick(of);
  const mostMs = random.pick([12_000, 12_000, 12_000, kind === "kill worker" ? 200_000 : 45_000]);
  return {
    kind,
    atMs,
    lastsMs: Math.floor(500 + random.next() * mostMs),
    target: random.between(0, 2),
  };
}
