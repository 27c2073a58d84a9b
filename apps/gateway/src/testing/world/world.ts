// Runs a schedule of a simulated fleet: real code of gateways and workers on a modelled broker, one clock and one source of chance. Nothing real is
// awaited, so the same schedule has the same history.
import { createModelBroker, keys, lanes } from "@waggle/fleet/model";
import { createFakeClock } from "@waggle/testing";
import { createRandom } from "@waggle/testing/harness";
import { clientName, startClient, type SimulatedClient } from "./clients.ts";
import { scheduleFaults, type Place } from "./faults.ts";
import { gatewayLimits } from "./limits.ts";
import { createLogCheck } from "./log-check.ts";
import {
  startGateway,
  startWorker,
  type SimulatedGateway,
  type SimulatedMember,
  type SimulatedWorker,
} from "./members.ts";
import { checkAnswers, isTargetOf, logLosses, movingFaults } from "./rules.ts";
import type { FaultKind, Schedule } from "./schedule.ts";

export interface WorldReport {
  readonly history: readonly string[];
  /** What broke a rule; empty if nothing did. */
  readonly faults: readonly string[];
  /** How often each outcome and each fault happened, and each cause of an outcome that only a fault explains. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Every job ends within this time after the last fault and the last request: docs/fleet.md. */
const boundMs = 240_000;
/** After this time without clients nothing of their jobs is left: a job outlives its gateway by 35 seconds and its client's time to come back. */
const settleMs = 90_000;
/** A job may change its worker this long after a fault. */
const noticedMs = 60_000;
const lookMs = 1_000;
const watchdogTurns = 2_000_000;

export async function runWorld(schedule: Schedule): Promise<WorldReport> {
  const clock = createFakeClock();
  const random = createRandom(schedule.seed, "broker");
  const server = createModelBroker({ clock, random: random.next });
  const history: string[] = [];
  const faults: string[] = [];
  const note = (line: string): void => void history.push(`${Math.round(clock.now())} ms: ${line}`);
  const fault = (message: string): void => {
    faults.push(message);
    note(`BROKEN: ${message}`);
  };
  const options = { clock, server, seed: schedule.seed };

  function place<M extends SimulatedMember>(
    number: number,
    start: (serial: number) => M,
  ): Place & { readonly member: M; readonly number: number } {
    let serial = 0;
    let isUp = true;
    const begin = (): M => {
      const started = start((serial += 1));
      for (const lane of lanes) {
        const maxMs = schedule.delaysMs[lane];
        server.link(started.name).delay({ minMs: maxMs / 4, maxMs }, [lane]);
      }
      return started;
    };
    let member = begin();
    return {
      number,
      get member() {
        return member;
      },
      get isUp() {
        return isUp;
      },
      down() {
        isUp = false;
      },
      restart() {
        member = begin();
        isUp = true;
      },
    };
  }

  const settings = (number: number) => ({
    slots: schedule.slots,
    stepMs: schedule.stepMs,
    fileName: schedule.otherFile && number > 0 && number === schedule.workers - 1 ? "other" : "file",
  });
  const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, number) => number);
  const workers = numbers(schedule.workers).map((number) =>
    place<SimulatedWorker>(number, (serial) => startWorker(options, `w${number}`, serial, settings(number))),
  );
  const gateways = numbers(schedule.gateways).map((number) =>
    place<SimulatedGateway>(number, (serial) =>
      startGateway({ ...options, limits: gatewayLimits }, `g${number}`, serial),
    ),
  );
  let twins = 0;
  const admin = server.connect({ name: "admin" });
  const happened = scheduleFaults(
    {
      clock,
      server,
      workers,
      gateways,
      note,
      fault,
      had: (of) => happened.some(({ kind }) => (of === undefined ? kind !== "second worker" : kind === of)),
      writeForeignRecords(target) {
        for (const { number, atMs } of schedule.clients) {
          if (!isTargetOf(target, number) || atMs <= clock.now()) continue;
          const key = keys.job(clientName, `c${number}`);
          void admin.records.jobs.put(key, new TextEncoder().encode('{"version":0}')).catch(() => {});
        }
      },
      startTwin: (worker) => startWorker(options, `w${worker}`, 1_000 + (twins += 1), settings(worker)),
    },
    schedule.faults,
  );
  const recent = (kinds: readonly FaultKind[], ms: number): boolean =>
    happened.some(({ kind, to }) => kinds.includes(kind) && to + ms >= clock.now());
  const check = createLogCheck({
    fault,
    mayMove: () => recent(movingFaults, noticedMs),
    isLost: () => recent(logLosses, Infinity),
  });
  admin.events.follow("waggle.events.>", "start", ({ topic, data }) => check(topic, data));
  const clients: SimulatedClient[] = schedule.clients.map((plan) =>
    startClient(
      {
        clock,
        note,
        fault,
        gateways: () => gateways.filter(({ isUp }) => isUp),
      },
      plan,
    ),
  );

  let turns = 0;
  async function until(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const next = clock.next();
      if (next === undefined) return;
      clock.advance(next - clock.now());
      await new Promise((resolve) => setImmediate(resolve));
      if ((turns += 1) > watchdogTurns) throw new Error(`The world has run ${turns} turns\n${history.join("\n")}`);
    }
  }

  const lastMs = Math.max(
    0,
    ...schedule.faults.map(({ atMs, lastsMs }) => atMs + lastsMs),
    ...schedule.clients.map(({ atMs }) => atMs),
  );
  const areDone = (): boolean => clients.every(({ answer }) => answer.outcome !== undefined);
  await until(() => (areDone() && clock.now() > lastMs) || clock.now() > lastMs + boundMs);
  const causes = checkAnswers({ ...schedule, clients, happened, fault });
  if (faults.length === 0) await checkFree();
  for (const { member } of [...workers, ...gateways]) member.kill();
  return { history, faults, counts: countsOf() };

  /** Nothing of the clients' jobs is left in the end. */
  async function checkFree(): Promise<void> {
    for (const settledAt = clock.now() + settleMs; left().length > 0 && clock.now() < settledAt;) {
      const next = clock.now() + lookMs;
      await until(() => clock.now() >= next);
    }
    for (const [what, count] of left()) fault(`${count} ${what} are left in the end`);
  }

  function left(): [what: string, count: number][] {
    const counts = new Map<string, number>([["jobs in the queue", server.jobs]]);
    const add = (what: string, count: number): void => void counts.set(what, (counts.get(what) ?? 0) + count);
    for (const { member } of workers) {
      add("jobs at workers", member.running);
      add("busy slots", member.model.slots - member.model.free(true));
    }
    for (const { member } of gateways) add("jobs at gateways", member.jobs.registry.liveCount);
    return [...counts].filter(([, count]) => count !== 0);
  }

  function countsOf(): Record<string, number> {
    const counts: Record<string, number> = {};
    const outcomes = clients.map(({ answer }) => answer.outcome ?? "hangs");
    const names = [...outcomes, ...happened.map(({ kind }) => kind), ...causes];
    for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  }
}

/** A number that differs for different histories (FNV-1a, 32 bits). */
export function hashOf(history: readonly string[]): string {
  let hash = 0x811c9dc5;
  for (const char of history.join("\n")) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, "0");
}
