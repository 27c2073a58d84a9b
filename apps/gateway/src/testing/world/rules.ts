// Checks what every client of a simulated fleet got. An answer that is not as asked needs a cause that explains this very outcome: a fault of the
// gateways that the client asked, of all workers that could run its job, or of the broker, at its time. docs/fleet.md has the promises.
import { isLane } from "@waggle/protocol";
import { digestOf, hasVectors, idOf, isDirect, type SimulatedClient } from "./clients.ts";
import type { Happened } from "./faults.ts";
import type { FaultKind, Schedule } from "./schedule.ts";

/** Promised: gateways keep their jobs for this time without the broker, as frozen processes do. With room for noticing and for what follows. */
const outageMs = 27_000;
/** Jobs that have begun wait for two minutes for a worker, others one minute. */
const noWorkerMs = 50_000;
/** A job that has begun waits half a minute for a worker of the same file. */
const otherFileMs = 20_000;
/** A cancelled job ends within this time. */
const cancelMs = 10_000;
/** What a fault leaves behind, such as silent members that are not noticed yet. */
const aftermathMs = 20_000;
/** How long an answer can be read from the log. */
const recordsMs = 120_000;

type Kinds = readonly FaultKind[];
const brokerFaults: Kinds = ["stop broker", "kill broker", "freeze broker", "lose stores"];
const workerFaults: Kinds = ["kill worker", "stop worker", "freeze worker", "hold worker", "deny worker"];
const gatewayEnds: Kinds = ["kill gateway", "stop gateway"];
const gatewayOutages: Kinds = ["hold gateway", "freeze gateway", "slow gateway"];
/** The records of such a worker come late. */
const workerOutages: Kinds = ["hold worker", "freeze worker"];
const cuts: Kinds = ["cut gateway", "cut gateway midway"];
export const logLosses: Kinds = ["lose stores", "delete events", "fill events"];
const queueLosses: Kinds = ["lose stores", "delete jobs", "purge jobs"];
/** Faults after which a job may go to another worker. */
export const movingFaults: Kinds = [
  ...workerFaults,
  ...brokerFaults,
  ...queueLosses,
  "cut worker",
  "cut worker midway",
  "second worker",
  "redeliver",
];
const recordLosses: Kinds = ["lose stores", "delete records.jobs"];

export interface RuleWorld extends Pick<Schedule, "workers" | "gateways" | "otherFile"> {
  readonly clients: readonly SimulatedClient[];
  readonly happened: readonly Happened[];
  readonly fault: (message: string) => void;
}

/** Returns the cause of each outcome that only a fault of the schedule explains. */
export function checkAnswers(world: RuleWorld): readonly string[] {
  const causes = world.clients.flatMap((one) => checkAnswer(one, world) ?? []);
  checkSessions(world);
  return causes;
}

function checkAnswer(one: SimulatedClient, world: RuleWorld): string | undefined {
  const { plan, answer } = one;
  const { outcome } = answer;
  const say = (message: string): void =>
    world.fault(
      `client ${plan.number} (${plan.habit}) ${message}${answer.message === "" ? "" : `: ${answer.message}`}`,
    );
  if (outcome === undefined) {
    say(`has waited since ${plan.atMs} ms`);
    return undefined;
  }
  if (outcome === "length") checkWhole(one, say);
  const goesOn = (answer.endedAt ?? 0) - (answer.cancelledAt ?? Infinity) > cancelMs;
  if (outcome === "length" ? !goesOn : isPromised(one, outcome, world)) return undefined;
  const cause = causeOf(one, outcome, world);
  if (cause !== undefined) return `${outcome}: ${cause}`;
  say(`gets "${outcome}" after ${answer.tokens} of ${plan.tokens} events${goesOn ? ", long after its cancel" : ""}`);
  return undefined;
}

function checkWhole({ plan, answer }: SimulatedClient, say: (message: string) => void): void {
  const wanted = hasVectors(plan.habit) ? 0 : plan.habit === "two choices" ? 2 * plan.tokens : plan.tokens;
  if (answer.tokens !== wanted) say(`gets ${answer.tokens} of ${wanted} tokens and a normal end`);
}

/** Whether the client gets this outcome also in a fleet without faults. */
function isPromised({ plan }: SimulatedClient, outcome: string, { clients }: RuleWorld): boolean {
  const { habit } = plan;
  const others = clients.filter((other) => other.plan !== plan).map((other) => other.plan);
  switch (outcome) {
    case "left":
      return habit === "leave";
    case "cancelled client":
      return habit === "cancel";
    case "cancelled superseded":
      return habit === "session" && others.some(({ name }) => name === plan.name);
    case "cancelled disconnect":
    case "cancelled unclaimed":
      return habit === "leave and resume";
    case "error deadline_exceeded":
      return habit === "deadline";
    case "refused conflict":
    case "error conflict":
      return others.some((other) => idOf(other) === idOf(plan) && digestOf(other) !== digestOf(plan));
    case "refused invalid_argument":
      // The fleet has one slot.
      return habit === "two choices";
    default:
      return false;
  }
}

/** Undefined if no fault explains this outcome of this client. */
function causeOf(one: SimulatedClient, outcome: string, world: RuleWorld): string | undefined {
  const { plan, answer } = one;
  const within = (restMs: number): readonly Happened[] =>
    world.happened.filter(({ from, to }) => from <= (answer.endedAt ?? Infinity) && to + restMs >= plan.atMs);
  const during = within(aftermathMs);
  const gateways = gatewaysOf(one, world);
  const ofBroker = (kinds: Kinds): readonly Happened[] => during.filter(({ kind }) => kinds.includes(kind));
  /** The faults of this job's gateways. */
  const ofGateways = (kinds: Kinds): readonly Happened[] =>
    ofBroker(kinds).filter(({ target }) => gateways.has(target % world.gateways));
  const had = (...lists: (readonly Happened[])[]): boolean => lists.some((list) => list.length > 0);
  const away = [...ofBroker(brokerFaults), ...ofGateways(gatewayOutages)];
  const ended = ofGateways(gatewayEnds);
  const isLogLost = within(recordsMs).some(({ kind }) => logLosses.includes(kind));
  const isForeign = world.happened.some(
    ({ kind, target, from }) => kind === "foreign record" && isTargetOf(target, plan.number) && from <= plan.atMs,
  );
  switch (outcome) {
    case "length":
      // The job's end was on its way when the cancel came.
      if (had(ofBroker(["delete records.cancels"]))) return "cancel lost";
      return had([...away, ...ofBroker(workerOutages)].filter(({ to }) => to + cancelMs >= (answer.endedAt ?? 0)))
        ? "member or broker away"
        : undefined;
    case "refused conflict":
    case "error conflict":
      return isForeign ? "record of another version" : undefined;
    case "cancelled disconnect":
    case "cancelled unclaimed":
      if (had(away)) return "gateway or broker away";
      // Another gateway took the job over without its first events, and its reader left.
      if (plan.habit === "same id" && isLogLost) return "log lost";
      return had(ended) ? "gateway gone" : undefined;
    case "error unavailable":
      // The stream of a request that no client can open again ends with its gateway, and a gateway that leaves ends its lane jobs.
      if ((isDirect(plan) || isLane(plan)) && had(ofGateways(["stop gateway"]))) return "gateway left";
      // No other gateway knows a job that was accepted without the broker.
      if (plan.habit !== "continue" && had(ofGateways(["stop gateway"])) && had(away))
        return "gateway left, broker away";
      if (had(ended) && areGatewaysOut(during, world)) return "no gateway";
      if (outMs(away) >= outageMs) return "gateway or broker away";
      if (workersOutMs(during, world) >= noWorkerMs) return "no worker";
      // The gateway that took the job over has neither its prompt nor its answer.
      if ((isLogLost || had(ofBroker(queueLosses))) && (gateways.size > 1 || had(ended, away)))
        return "job lost after a takeover";
      return outMs(ofBroker(["fill jobs"])) >= outageMs ? "queue full" : undefined;
    case "error internal":
    case "error slow_consumer":
      return isLogLost ? "log lost" : undefined;
    case "error engine_failed":
      if (world.otherFile && [true, false].some((isLast) => isFileOut(isLast, during, world)))
        return "no worker of the file";
      if (workersOutMs(during, world) >= noWorkerMs || outMs(ofBroker(brokerFaults)) >= noWorkerMs) return "no worker";
      return isLogLost ? "log lost" : undefined;
    case "refused not_found":
      if (isForeign) return "record of another version";
      if (areGatewaysOut(during, world)) return "no gateway";
      // Accepted without a record, or with a record that is gone: other gateways do not know it.
      if (had(away, ofGateways(cuts))) return "no record";
      return had(ofBroker(recordLosses)) ? "record lost" : undefined;
    default:
      return undefined;
  }
}

/** Foreign records are written for each third client. */
export const isTargetOf = (target: number, number: number): boolean => number % 3 === target;

/** The gateways that the client asked, and other clients with the same id. */
function gatewaysOf(one: SimulatedClient, { clients }: RuleWorld): ReadonlySet<number> {
  const ofJob = clients.filter((other) => idOf(other.plan) === idOf(one.plan));
  return new Set(ofJob.flatMap(({ answer }) => [...answer.gateways]));
}

/** Whether no gateway could be asked at some time, or soon after it. */
function areGatewaysOut(during: readonly Happened[], { gateways }: RuleWorld): boolean {
  const kinds = [...gatewayEnds, ...gatewayOutages, ...cuts];
  const faults = during.filter(({ kind }) => kinds.includes(kind));
  return outMs(faults, gateways) > -aftermathMs;
}

/** The longest time without any of these workers. */
function workersOutMs(during: readonly Happened[], { workers }: RuleWorld, of?: (number: number) => boolean): number {
  const faults = during.filter(({ kind }) => workerFaults.includes(kind));
  return outMs(faults, workers, of);
}

/** Whether the last worker was out, or all others, for longer than a job waits for their file. */
function isFileOut(isLast: boolean, during: readonly Happened[], world: RuleWorld): boolean {
  return workersOutMs(during, world, (number) => (number === world.workers - 1) === isLast) >= otherFileMs;
}

/** The longest time in which each of these members had a fault. Faults that overlap or follow each other soon count as one. */
function outMs(faults: readonly Happened[], members = 1, of = (_: number): boolean => true): number {
  const numbers = Array.from({ length: members }, (_, number) => number).filter(of);
  const isOut = (at: number): boolean =>
    numbers.every((number) =>
      faults.some(({ target, from, to }) => target % members === number && from <= at && at < to + aftermathMs),
    );
  let most = 0;
  let since: number | undefined;
  for (const at of faults.flatMap(({ from, to }) => [from, to + aftermathMs]).toSorted((a, b) => a - b)) {
    if (since !== undefined) most = Math.max(most, at - since);
    if (!isOut(at)) since = undefined;
    else since ??= at;
  }
  return most - aftermathMs;
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
