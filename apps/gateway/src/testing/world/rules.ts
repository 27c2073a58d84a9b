// Checks what every client of a simulated fleet got. An answer that is not as asked needs a fault that excuses it; docs/fleet.md has the promises.
import { isLane } from "@waggle/protocol";
import { hasVectors, isDirect, type SimulatedClient } from "./clients.ts";
import type { Happened } from "./faults.ts";
import type { FaultKind } from "./schedule.ts";

/** Promised: gateways keep their jobs for this time without the broker, as frozen processes do. With room for noticing and for what follows. */
const outageMs = 27_000;
/** Jobs that have begun wait for two minutes for a worker, others one minute. */
const noWorkerMs = 50_000;
const otherFileMs = 20_000;
/** What a fault leaves behind, such as silent members that are not noticed yet. */
const aftermathMs = 20_000;

const longFaults: readonly FaultKind[] = ["stop broker", "hold gateway", "freeze gateway", "slow gateway"];
const workerFaults: readonly FaultKind[] = [
  "kill worker",
  "stop worker",
  "freeze worker",
  "hold worker",
  "deny worker",
];
const storeFaults: readonly FaultKind[] = [
  "lose stores",
  "delete events",
  "delete records.jobs",
  "delete jobs",
  "purge jobs",
];
const gatewayEnds: readonly FaultKind[] = ["kill gateway", "stop gateway"];

export interface RuleWorld {
  readonly clients: readonly SimulatedClient[];
  readonly happened: readonly Happened[];
  /** Number of gateways. */
  readonly gateways: number;
  /** Whether a worker serves another file. */
  readonly otherFile: boolean;
  readonly fault: (message: string) => void;
}

export function checkAnswers(world: RuleWorld): void {
  for (const one of world.clients) checkAnswer(one, world);
  checkSessions(world);
}

function checkAnswer(one: SimulatedClient, world: RuleWorld): void {
  const { plan, answer } = one;
  const say = (message: string): void =>
    world.fault(
      `client ${plan.number} (${plan.habit}) ${message}${answer.message === "" ? "" : `: ${answer.message}`}`,
    );
  const { outcome } = answer;
  if (outcome === undefined) return say(`has waited since ${plan.atMs} ms`);
  if (outcome === "length") return checkWhole(one, say);
  if (!isExcused(one, outcome, world)) say(`gets "${outcome}" after ${answer.tokens} of ${plan.tokens} events`);
}

function checkWhole({ plan, answer }: SimulatedClient, say: (message: string) => void): void {
  const wanted = hasVectors(plan.habit) ? 0 : plan.habit === "two choices" ? 2 * plan.tokens : plan.tokens;
  if (answer.tokens !== wanted) say(`gets ${answer.tokens} of ${wanted} tokens and a normal end`);
}

function isExcused(one: SimulatedClient, outcome: string, world: RuleWorld): boolean {
  const { habit } = one.plan;
  const during = overlapping(one, world.happened);
  const lasted = (kinds: readonly FaultKind[], ms: number): boolean => longest(during, kinds) >= ms;
  const had = (...kinds: readonly FaultKind[]): boolean => during.some(({ kind }) => kinds.includes(kind));
  switch (outcome) {
    case "left":
      return habit === "leave" || habit === "other body";
    case "cancelled client":
      return habit === "cancel";
    case "cancelled superseded":
      return habit === "session";
    case "cancelled disconnect":
    case "cancelled unclaimed":
      // The client could not come back in time: no gateway was there, or those that were could not be asked.
      return habit === "leave and resume" || had(...longFaults, ...gatewayEnds, ...storeFaults);
    case "error deadline_exceeded":
      return habit === "deadline";
    case "refused conflict":
    case "error conflict":
      return (
        habit === "same id" || habit === "other body" || world.happened.some(({ kind }) => kind === "foreign record")
      );
    case "refused invalid_argument":
      // The fleet has one slot.
      return habit === "two choices";
    case "error unavailable":
      // The stream of a request that no client can open again ends with its gateway.
      if (isDirect(one.plan) && had("stop gateway")) return true;
      // A gateway that leaves ends its lane jobs.
      if (isLane(one.plan) && had("stop gateway")) return true;
      // No gateway was there to come back to.
      if (gatewaysLost(during, world.gateways) && had(...gatewayEnds)) return true;
      return lasted(longFaults, outageMs) || lasted(workerFaults, noWorkerMs) || had(...storeFaults, "fill jobs");
    case "error internal":
      return had("lose stores", "delete events");
    case "error slow_consumer":
      // The records before the loss are gone, and the client came back at a gateway that has not read them.
      return had("lose stores", "delete events");
    case "error engine_failed":
      // A job that has begun waits half a minute for a worker of the same file.
      if (world.otherFile && lasted(workerFaults, otherFileMs)) return true;
      return had("lose stores", "delete events") || lasted([...workerFaults, "stop broker"], noWorkerMs);
    case "refused not_found":
      // The client came back after its time to come back.
      if (gatewaysLost(during, world.gateways)) return true;
      // Accepted without a record, or with a record that is gone: other gateways do not know it, and it is lost with its gateway.
      return had(...longFaults, ...storeFaults);
    default:
      return false;
  }
}

function overlapping({ plan, answer }: SimulatedClient, happened: readonly Happened[]): readonly Happened[] {
  const end = answer.endedAt ?? Infinity;
  return happened.filter(({ from, to }) => from <= end && to + aftermathMs >= plan.atMs);
}

/** Whether each gateway had a fault that ends its connections. */
function gatewaysLost(during: readonly Happened[], gateways: number): boolean {
  const lost = during.filter(({ kind }) => kind.endsWith(" gateway")).map(({ target }) => target % gateways);
  return new Set(lost).size === gateways;
}

/** The longest time in which one of these faults lasted. Faults that overlap or follow each other soon count as one. */
function longest(during: readonly Happened[], kinds: readonly FaultKind[]): number {
  let most = 0;
  let from = 0;
  let to = -Infinity;
  for (const one of during.filter(({ kind }) => kinds.includes(kind)).toSorted((a, b) => a.from - b.from)) {
    if (one.from > to + aftermathMs) from = one.from;
    to = Math.max(to, one.to);
    most = Math.max(most, to - from);
  }
  return most;
}

/** The newest turn of a session is not superseded, if the others were accepted before its request. */
function checkSessions({ clients, fault }: RuleWorld): void {
  const all = clients.filter(({ plan }) => plan.habit === "session");
  for (const name of new Set(all.map(({ plan }) => plan.name))) {
    const turns = all.filter(({ plan }) => plan.name === name).toSorted((a, b) => b.plan.atMs - a.plan.atMs);
    const [newest, ...older] = turns;
    if (newest?.answer.outcome !== "cancelled superseded") continue;
    if (older.every(({ answer }) => (answer.acceptedAt ?? Infinity) < newest.plan.atMs && answer.retries === 0))
      fault(`the newest turn of session ${name}, of client ${newest.plan.number}, was superseded by an older one`);
  }
}
