// Owns the shared parts of the fleet's tests: a NATS server for each test file, members of the fleet, and scripted jobs and models.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, type Clock } from "@waggle/async";
import type { GenerateWork, JobEvent } from "@waggle/engine";
import { createProcessGroups, startNats, type NatsServer } from "@waggle/testing/harness";
import type { JobListener, JobSpec } from "@waggle/jobs";
import { isLane, WaggleError } from "@waggle/protocol";
import { createLogger, type Logger } from "@waggle/telemetry";
import { afterAll, afterEach, beforeAll } from "vitest";
import { systemChance } from "../broker/chance.ts";
import { openBroker, type ConnectionOptions } from "../broker/nats/broker.ts";
import type { Broker } from "../broker/port.ts";
import { patienceMs } from "./broker-contract-world.ts";
import { topics } from "../broker/names.ts";
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

export const silent: Logger = createLogger({ level: "silent", format: "json", name: "fleet-test" });

/** Functions to call after the test, in reverse order. */
const opened: (() => Promise<unknown>)[] = [];

export function closeLater(close: () => Promise<unknown>): void {
  opened.push(close);
}

interface NatsOfFile {
  readonly url: string;
  readonly server: NatsServer;
  /** Stops and starts the server. */
  restart(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * Starts a NATS server for one test file.
 * @param config in nats-server's format
 */
export function useNats({ folder, config }: { readonly folder?: string; readonly config?: string } = {}): NatsOfFile {
  let server: NatsServer | undefined;
  const own = mkdtempSync(join(tmpdir(), "waggle-fleet-test-"));
  const there = (): NatsServer => {
    if (server === undefined) throw new Error("There is no NATS server yet");
    return server;
  };
  beforeAll(async () => {
    const configFile = join(own, "nats.conf");
    writeFileSync(configFile, config ?? "");
    server = await startNats(createProcessGroups("fleet-test"), {
      configFile,
      ...(folder === undefined ? {} : { folder }),
    });
  });
  afterEach(async () => {
    // A test may have frozen or stopped the server.
    there().signal("SIGCONT");
    await there().start();
    for (const close of opened.splice(0).toReversed()) await close();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    rmSync(own, { recursive: true, force: true });
  });
  return {
    get url() {
      return there().url;
    },
    get server() {
      return there();
    },
    async restart(signal) {
      await there().stop(signal);
      await there().start();
    },
  };
}

/** Resolves when the connection is up or, with `wanted` false, lost. */
export async function whenConnected(broker: Pick<Broker, "connected" | "onConnection">, wanted = true): Promise<void> {
  await new Promise<void>((resolve) => {
    const forget = broker.onConnection((connected) => {
      if (connected === wanted) resolve();
    });
    if (broker.connected === wanted) resolve();
    closeLater(async () => forget());
  });
}

/** Resolves with a connection that is up. It is closed after the test. */
export async function connectTo(url: string, more: Partial<ConnectionOptions> = {}): Promise<Broker> {
  const broker = openBroker({
    url,
    insecure: false,
    name: "test",
    log: silent,
    clock: systemClock,
    random: systemChance.next,
    ...more,
  });
  closeLater(() => broker.close());
  await whenConnected(broker);
  return broker;
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

export function fakeModel(name: string, slots = 2, from: FleetModelFile = file, decides?: boolean): FakeModel {
  const jobs: LocalJob[] = [];
  /** Ids of all jobs. An id stays taken after its job's end, as in a worker's registry. */
  const ids = new Set<string | undefined>();
  const waiting = new Set<() => void>();
  const running = new Set<LocalJob>();
  return {
    name,
    slots,
    abilities: abilitiesOf({ decides, yields: true, vision: from.vision }),
    loaded: true,
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
      for (const wake of waiting) wake();
      await this.accepts;
      return {
        cancel() {
          job.cancelled = true;
        },
      };
    },
    async job(index = 0) {
      for (;;) {
        const job = jobs[index];
        if (job !== undefined) return job;
        await new Promise<void>((resolve) => {
          waiting.add(resolve);
        });
      }
    },
    over(job) {
      running.delete(job);
    },
  };
}

export interface FakeWorker {
  readonly id: string;
  readonly side: WorkerSide;
  readonly broker: Broker;
  /** The moves of jobs that this worker reported. */
  readonly moves: readonly Move[];
  /** Disconnects without a message, as a killed process does. */
  vanish(): Promise<void>;
}

export interface FakeWorkerOptions {
  readonly id?: string;
  readonly models: readonly FakeModel[];
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Returns the broker as the worker sees it. */
  readonly through?: (broker: Broker) => Broker;
  readonly answer?: WorkerPort["answer"];
}

export async function joinWorker(url: string, options: FakeWorkerOptions): Promise<FakeWorker> {
  const { id = unique("worker"), models, clock = systemClock, log = silent } = options;
  const connected = await connectTo(url);
  const broker = options.through?.(connected) ?? connected;
  const moves: Move[] = [];
  const side = createWorkerSide({
    broker,
    clock,
    chance: systemChance,
    log,
    port: {
      id,
      version: "0.1.0",
      member: () => ({
        kind: "worker",
        id,
        heartbeat: { worker_id: id } as never,
        models: models.map(({ name, slots, abilities, loaded, file: fileOf }) => ({
          name,
          aliases: [],
          isDefault: false,
          ready: loaded,
          slots,
          ...(abilities.includes("decide") ? { decides: true } : {}),
          ...(abilities.includes("lane") ? { yields: true } : {}),
          revision: 1,
          ...fileOf(),
        })),
      }),
      models: () => models.filter(({ loaded }) => loaded),
      moved: (how) => moves.push(how),
      answer: options.answer ?? (async () => ({ kind: "preflight", size: null })),
    },
  });
  // Waits for the member's answer, which shows that the server has the member's subscriptions.
  const question = new TextEncoder().encode("?");
  while ((await connected.messages.ask(topics.askWorker(id), question, patienceMs)) === undefined);
  let gone = false;
  const close = async (): Promise<void> => {
    if (!gone) await side.close();
  };
  closeLater(close);
  return {
    id,
    side,
    broker,
    moves,
    async vanish() {
      gone = true;
      await broker.close();
      await side.close();
    },
  };
}

export async function joinGateway(
  url: string,
  id = processId(unique("gateway")),
): Promise<GatewaySide & { readonly broker: Broker }> {
  const broker = await connectTo(url);
  const self = (): GatewayMember => ({
    version: fleetVersion,
    kind: "gateway",
    id,
    url: "http://127.0.0.1:1",
    startedAt: "2026-01-01T00:00:00.000Z",
    jobs: 0,
  });
  const side = createGatewaySide({ broker, id, clock: systemClock, chance: systemChance, log: silent });
  side.report(self);
  closeLater(() => side.close());
  return Object.assign(side, { broker });
}

interface JoinModelOptions extends Partial<Omit<FakeWorkerOptions, "models">> {
  readonly slots?: number;
  readonly from?: FleetModelFile;
  /** Whether the worker runs decide jobs; default false, as one of an earlier version. */
  readonly decides?: boolean;
}

interface Joined {
  readonly model: FakeModel;
  readonly worker: FakeWorker;
}

/** A worker with a scripted model of this name. */
export async function joinModel(url: string, name: string, options: JoinModelOptions = {}): Promise<Joined> {
  const { slots, from, decides, ...more } = options;
  const model = fakeModel(name, slots, from, decides);
  return { model, worker: await joinWorker(url, { ...more, models: [model] }) };
}

/** A gateway, and a worker with a scripted model of a new name. */
export async function joinBoth(
  url: string,
  options?: JoinModelOptions,
): Promise<Joined & { readonly name: string; readonly gateway: Awaited<ReturnType<typeof joinGateway>> }> {
  const name = unique("model");
  return { name, gateway: await joinGateway(url), ...(await joinModel(url, name, options)) };
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
  /** Resolves when the condition holds. */
  until(isSo: () => boolean): Promise<void>;
  ended(): Promise<JobEvent>;
}

export function receive(gateway: GatewaySide, job: FleetJob): Received {
  const records: EventRecord[] = [];
  let check = (): void => {};
  gateway.subscribe(job.id, (record) => {
    records.push(record);
    check();
  });
  const events = (): JobEvent[] => records.flatMap((record) => (record.kind === "events" ? record.events : []));
  const last = (): JobEvent | undefined =>
    events().find(({ type }) => type === "finished" || type === "failed" || type === "cancelled");
  const received: Received = {
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
    until(isSo) {
      return new Promise((resolve) => {
        check = () => {
          if (isSo()) resolve();
        };
        check();
      });
    },
    async ended() {
      await received.until(() => last() !== undefined);
      return last() as JobEvent;
    },
  };
  return received;
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
