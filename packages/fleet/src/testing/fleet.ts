// Owns the fleet of a test: members on the model of the broker, whose clock runs while the test waits, and scripted jobs and models.
import type { Clock } from "@waggle/async";
import type { GenerateWork, JobEvent } from "@waggle/engine";
import type { JobListener, JobSpec } from "@waggle/jobs";
import { isLane, WaggleError } from "@waggle/protocol";
import { createLogger, type Logger } from "@waggle/telemetry";
import { createFakeClock, type FakeClock } from "@waggle/testing";
import { createRandom } from "@waggle/testing/harness";
import { afterEach, beforeEach } from "vitest";
import { createModelBroker, type ModelBrokerOptions } from "../broker/model/model-broker.ts";
import { topics } from "../broker/names.ts";
import type { Broker } from "../broker/port.ts";
import {
  abilitiesOf,
  fleetVersion,
  type EventRecord,
  type FleetJob,
  type FleetModelFile,
  type GatewayMember,
} from "../queue/records.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import type { Move, RunnableModel, WorkerPort } from "../worker/worker-port.ts";
import { createGatewaySide } from "../gateway/gateway-side.ts";
import type { GatewaySide } from "../gateway/gateway-port.ts";
import { createWorkerSide, type WorkerSide } from "../worker/worker-side.ts";
import { createMember, type FleetWorld, type SimulatedMember } from "./process.ts";

export const silent: Logger = createLogger({ level: "silent", format: "json", name: "fleet-test" });

/** A wait fails after this many turns of the event loop, which are an hour of a small fleet's time or more. */
const mostTurns = 200_000;
/** Limit of a question to a member that has just joined. */
const askMs = 1_000;

/** The broker of a test, with its faults, and the clock of its time. */
export interface Fleet extends FleetWorld {
  readonly clock: FakeClock;
}

/**
 * Gives each test of the file or the `describe` a fleet without members. Its clock runs while the test waits for anything: the timers fire one after
 * the other, and all promises settle between two of them. Nothing real is awaited, so a test is the same each time.
 */
export function useFleet({
  seed = 1,
  ...options
}: Partial<ModelBrokerOptions> & { readonly seed?: number } = {}): Fleet {
  const fleet = {} as { -readonly [K in keyof Fleet]: Fleet[K] };
  let running: FakeClock | undefined;
  beforeEach(() => {
    names = 0;
    phase += 1;
    const clock = createFakeClock();
    const server = createModelBroker({ clock, random: createRandom(seed, "broker").next, ...options });
    Object.assign(fleet, { clock, server, seed });
    running = clock;
    function fireNext(): void {
      if (running !== clock) return;
      const next = clock.next();
      if (next !== undefined) clock.advance(next - clock.now());
      setImmediate(fireNext);
    }
    setImmediate(fireNext);
  });
  afterEach(() => {
    running = undefined;
    phase += 1;
  });
  return fleet;
}

/** Counts the starts and ends of tests: no wait outlives its test. */
let phase = 0;

/** Resolves when the condition holds. @throws Error after a far limit, and after the test */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const mine = phase;
  for (let turns = 0; !(await isSo()); turns += 1) {
    if (turns === mostTurns || phase !== mine)
      throw new Error(`After ${turns} turns there is still not: ${isSo.toString()}`);
    await new Promise(setImmediate);
  }
}

/** Lets this time of the fleet pass, in milliseconds. */
export async function pass({ clock }: Pick<Fleet, "clock">, ms: number): Promise<void> {
  const end = clock.now() + ms;
  clock.setTimeout(() => {}, ms);
  await until(() => clock.now() >= end);
}

/** Resolves with a broker that is connected. @param name the name of its link, and of its user */
export async function connectTo(fleet: Fleet, name = unique("member")): Promise<Broker> {
  const { broker } = createMember(fleet, name);
  await until(() => broker.connected);
  return broker;
}

/** Stops the broker and starts it again. Resolves when these members have noticed both. */
export async function restart({ server }: Fleet, ...brokers: Broker[]): Promise<void> {
  server.stop();
  await until(() => !brokers.some(({ connected }) => connected));
  server.start();
  await until(() => brokers.every(({ connected }) => connected));
}

/** The object with some other members, such as a broker that refuses records. */
export function withParts<T extends object>(whole: T, parts: Partial<T>): T {
  return Object.create(whole, Object.getOwnPropertyDescriptors(parts)) as T;
}

export function processId(id: string): GatewayProcessId {
  return id as GatewayProcessId;
}

let names = 0;
/** Returns a name that no other call in this process returns. */
export function unique(what: string): string {
  names += 1;
  return `${what}-${names}`;
}

const spec: JobSpec = {
  model: "tiny",
  who: { client: "someone", trace: "trace" },
  when: { priority: 0, onDisconnect: "cancel", direct: true },
  work: {
    kind: "generate",
    prompt: { kind: "text", text: "Once" },
    choices: 1,
    sampling: { temperature: 0, seed: 1 } as GenerateWork["sampling"],
    stop: [],
  },
};

export function fleetJob(more: Partial<FleetJob> = {}, priority = 0): FleetJob {
  const { model = "tiny", id = unique("job") } = more;
  return {
    version: fleetVersion,
    gateway: processId("gateway"),
    clientJob: { client: "someone", id: unique("client-job") },
    onWorkerLoss: "resume",
    orphanMs: null,
    ...more,
    id,
    model,
    // A gateway gives the spec the id of the job.
    spec: more.spec ?? { ...spec, id, model, when: { ...spec.when, priority } },
  };
}

export const counts = { promptTokens: 1, cachedTokens: 0, completionTokens: 1, prefillMs: 1, decodeMs: 1 };

export function tokenEvent(index: number, ids: readonly number[] = [index + 100]): JobEvent {
  return { type: "token", jobId: "local", index, text: `t${index} `, tMs: index, ids, n: ids.length };
}

export function finished(): JobEvent {
  return { type: "finished", jobId: "local", by: "stop_token", ...counts } as unknown as JobEvent;
}

export const file: FleetModelFile = {
  modelSha256: "a".repeat(64),
  templateSha256: "b".repeat(64),
  modelFile: "tiny.gguf",
  vision: null,
};

/** The file of a model that reads pictures. */
export const seeingFile: FleetModelFile = { ...file, vision: "projector" };

/** A job of a scripted model: the test sends its events. */
export interface LocalJob {
  readonly spec: JobSpec;
  readonly listener: JobListener;
  cancelled: boolean;
}

export interface FakeModel extends RunnableModel {
  /** Whether its worker reports the model as loaded. */
  loaded: boolean;
  aliases: readonly string[];
  readonly jobs: LocalJob[];
  /** Resolves with the job at this index, from 0, when it has arrived at the model. */
  job(index?: number): Promise<LocalJob>;
  /** Frees the job's slot. */
  over(job: LocalJob): void;
  /** Error that `run` throws from now on. */
  refuseWith: Error | undefined;
  /** The model accepts a job when this has resolved. */
  accepts: Promise<void>;
}

export function fakeModel(name: string, slots = 2, from: FleetModelFile = file): FakeModel {
  const jobs: LocalJob[] = [];
  /** Ids of all jobs. An id stays taken after its job's end, as in a worker's registry. */
  const ids = new Set<string | undefined>();
  const running = new Set<LocalJob>();
  return {
    name,
    slots,
    abilities: abilitiesOf(from),
    loaded: true,
    aliases: [],
    jobs,
    refuseWith: undefined,
    accepts: Promise.resolve(),
    free: (forLane) => slots - [...running].filter(({ spec }) => forLane || !isLane(spec.when)).length,
    file: () => from,
    async run(given, listener) {
      if (this.refuseWith !== undefined) throw this.refuseWith;
      if (ids.has(given.id)) throw new WaggleError("conflict", `Cannot accept job ${given.id}: that job_id is taken.`);
      ids.add(given.id);
      const job: LocalJob = { spec: given, listener, cancelled: false };
      running.add(job);
      jobs.push(job);
      await this.accepts;
      return {
        cancel() {
          job.cancelled = true;
        },
      };
    },
    async job(index = 0) {
      await until(() => jobs.length > index);
      return jobs[index] as LocalJob;
    },
    over(job) {
      running.delete(job);
    },
  };
}

export interface FakeWorker extends SimulatedMember {
  readonly id: string;
  readonly side: WorkerSide;
  /** The moves of jobs that this worker reported. */
  readonly moves: readonly Move[];
}

export interface FakeWorkerOptions {
  readonly id?: string;
  readonly models: readonly FakeModel[];
  /** Default: the clock of the worker's process. */
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Returns the broker as the worker sees it. */
  readonly through?: (broker: Broker) => Broker;
  readonly answer?: WorkerPort["answer"];
}

export async function joinWorker(fleet: Fleet, options: FakeWorkerOptions): Promise<FakeWorker> {
  const { id = unique("worker"), models, log = silent } = options;
  // A second worker with this id is another process.
  const member = createMember(fleet, unique(id), id);
  const broker = options.through?.(member.broker) ?? member.broker;
  const moves: Move[] = [];
  const side = createWorkerSide({
    broker,
    clock: options.clock ?? member.process.clock,
    chance: member.chance,
    log,
    port: {
      id,
      version: "0.1.0",
      member: () => ({
        kind: "worker",
        id,
        heartbeat: { worker_id: id } as never,
        models: models.map(({ name, slots, loaded, aliases, file: fileOf }) => ({
          name,
          aliases,
          isDefault: false,
          ready: loaded,
          slots,
          revision: 1,
          ...fileOf(),
        })),
      }),
      models: () => models.filter(({ loaded }) => loaded),
      moved: (how) => moves.push(how),
      answer: options.answer ?? (async () => ({ kind: "preflight", size: null })),
    },
  });
  await until(() => broker.connected);
  // Waits for the member's answer, which shows that the server has the member's subscriptions.
  const question = new TextEncoder().encode("?");
  await until(async () => (await member.broker.messages.ask(topics.askWorker(id), question, askMs)) !== undefined);
  return { ...member, id, side, broker, moves };
}

export interface FakeGateway extends GatewaySide, SimulatedMember {}

export async function joinGateway(fleet: Fleet, id = processId(unique("gateway"))): Promise<FakeGateway> {
  const member = createMember(fleet, id);
  const side = createGatewaySide({ ...member, id, clock: member.process.clock, log: silent });
  side.report((): GatewayMember => ({
    version: fleetVersion,
    kind: "gateway",
    id,
    url: "http://127.0.0.1:1",
    startedAt: "2026-01-01T00:00:00.000Z",
    jobs: 0,
  }));
  await until(() => side.connected);
  return Object.assign(side, member);
}

interface JoinModelOptions extends Partial<Omit<FakeWorkerOptions, "models">> {
  readonly slots?: number;
  readonly from?: FleetModelFile;
}

interface Joined {
  readonly model: FakeModel;
  readonly worker: FakeWorker;
}

/** A worker with a scripted model of this name. */
export async function joinModel(fleet: Fleet, name: string, options: JoinModelOptions = {}): Promise<Joined> {
  const { slots, from, ...more } = options;
  const model = fakeModel(name, slots, from);
  return { model, worker: await joinWorker(fleet, { ...more, models: [model] }) };
}

/** A gateway, and a worker with a scripted model of a new name. */
export async function joinBoth(
  fleet: Fleet,
  options?: JoinModelOptions,
): Promise<Joined & { readonly name: string; readonly gateway: FakeGateway }> {
  const name = unique("model");
  return { name, gateway: await joinGateway(fleet), ...(await joinModel(fleet, name, options)) };
}

/** Publishes a job, by default in the common queue. */
export async function submitJob(
  gateway: GatewaySide,
  more: Partial<FleetJob>,
  worker?: string,
): Promise<{ readonly job: FleetJob; readonly received: Received }> {
  const job = fleetJob({ gateway: gateway.id, ...more });
  const received = receive(gateway, job);
  await gateway.publish(job, { at: worker });
  return { job, received };
}

export interface Received {
  readonly records: EventRecord[];
  events(): JobEvent[];
  /** The tokens without repetitions, as a gateway passes them on. @throws Error when a token is missing */
  tokens(): number[];
  ended(): Promise<JobEvent>;
}

export function receive(gateway: GatewaySide, job: FleetJob): Received {
  const records: EventRecord[] = [];
  gateway.subscribe(job.id, (record) => records.push(record));
  const events = (): JobEvent[] => records.flatMap((record) => (record.kind === "events" ? record.events : []));
  const last = (): JobEvent | undefined =>
    events().find(({ type }) => type === "finished" || type === "failed" || type === "cancelled");
  return {
    records,
    events,
    tokens() {
      const seen: number[] = [];
      for (const event of events()) {
        if (event.type !== "token" || event.index < seen.length) continue;
        if (event.index > seen.length) throw new Error(`Token ${event.index} instead of ${seen.length}`);
        seen.push(event.ids[0] ?? -1);
      }
      return seen;
    },
    async ended() {
      await until(() => last() !== undefined);
      return last() as JobEvent;
    },
  };
}

export function sendTokens({ listener }: LocalJob, ...indexes: number[]): void {
  for (const index of indexes) listener.event(tokenEvent(index));
}

export function finish(model: FakeModel, job: LocalJob): void {
  model.over(job);
  job.listener.event(finished());
  job.listener.ended({ type: "finished", by: "stop_token" as never });
}

/** The id of the fleet job that this local job runs. */
export function fleetIdOf({ spec: { id } }: LocalJob): string | undefined {
  return id?.split(".")[0];
}

/** The prior output of a resumed job. */
export function priorOutputOf({ spec }: LocalJob): unknown {
  return spec.prior?.output;
}
