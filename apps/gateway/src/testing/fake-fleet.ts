// Owns a fleet in one process, for tests: the gateways' shared records, and scripted workers. No message is lost or late.
import type { JobEvent } from "@waggle/engine";
import { abilitiesOf, fleetVersion, isEnd } from "@waggle/fleet";
import type {
  EndedBy,
  EventRecord,
  FleetJob,
  GatewayProcessId,
  GatewaySide,
  JobRecord,
  Member,
  RecordListener,
  SessionRecord,
  WorkerAnswer,
  WorkerMember,
  WorkerQuestion,
} from "@waggle/fleet";
import { WaggleError } from "@waggle/protocol";

export interface FakeWorker {
  readonly id: string;
  readonly model: string;
  readonly slots: number;
  readonly modelSha256?: string;
  readonly aliases?: readonly string[];
  /** Whether the model is loaded; default true. */
  readonly loaded?: boolean;
  /** Whether the model reads pictures; default false. */
  readonly readsPictures?: boolean;
  /** Whether the worker runs decide jobs; default false. */
  readonly decides?: boolean;
  readonly yields?: boolean;
}

export interface FakeFleet {
  /** Published jobs in order. `at` is the worker for which a job was published, `again` counts its earlier publications that were lost. */
  readonly published: readonly { readonly job: FleetJob; readonly at: string | undefined; readonly again: number }[];
  readonly cancelled: readonly string[];
  /** Why each job of `cancelled` was cancelled. */
  readonly cancelReasons: readonly EndedBy[];
  readonly forgotten: readonly string[];
  readonly offered: readonly string[];
  connect(up: boolean): void;
  /** The broker's time; undefined until a gateway knows it. */
  time: number | undefined;
  join(worker: FakeWorker): void;
  leave(id: string): void;
  /** Lets a member count as lost: the member stays in the list, but is no longer alive. */
  silence(id: string): void;
  /** Lets a gateway count as alive, but answer no requests to end a job. */
  hush(id: string): void;
  /** The store of pictures: the hashes of each key. */
  readonly pictures: ReadonlyMap<string, readonly string[]>;
  /** Sets the error with which the store rejects pictures; undefined accepts all. */
  refusePictures(error: WaggleError | undefined): void;
  /** Sets the error with which the queue rejects jobs; undefined accepts every job. */
  refuse(error: WaggleError | undefined): void;
  /** The workers' answers; by default every job fits, and they have room. */
  answer: (question: WorkerQuestion, worker: string | undefined) => WorkerAnswer | Promise<WorkerAnswer>;
  /** Deletes the job from the queue, as a NATS does that loses its store. */
  lose(jobId: string): void;
  /** The jobs about which a gateway has asked whether they are in the queue. */
  readonly asked: readonly string[];
  /** Keys of records of another version, as `client job_id`. */
  readonly foreign: Set<string>;
  /** Gateways that have left. */
  readonly left: readonly string[];
  /** Deletes the job's first records, as NATS does by age. */
  drop(jobId: string, records: number): void;
  side(gateway: string): GatewaySide;
  /** Lets a worker take the job. */
  take(job: FleetJob, worker: string): Attempt;
  readonly records: ReadonlyMap<string, JobRecord>;
  readonly sessions: ReadonlyMap<string, SessionRecord>;
}

/** Writes one worker's records of one job. */
export interface Attempt {
  emit(...events: readonly JobEvent[]): void;
  /** Writes the start of the job, and token events with these texts. */
  start(...texts: readonly string[]): Attempt;
  /** Writes token events with these texts, after the earlier token events. */
  tokens(...texts: readonly string[]): void;
  /** Continues after this number of tokens: the next token gets this number as its index. */
  goOnAfter(tokens: number): void;
  /** Writes token events with these texts, and the end of the job. */
  finish(...texts: readonly string[]): void;
  /** @param by why the worker cancelled the job */
  release(by?: EndedBy): void;
  record(record: EventRecord): void;
}

export function processId(id: string): GatewayProcessId {
  return id as GatewayProcessId;
}

const totals = { promptTokens: 3, cachedTokens: 0, completionTokens: 0, prefillMs: 1, decodeMs: 1 };

export function createFakeFleet(): FakeFleet {
  const published: { job: FleetJob; at: string | undefined; again: number }[] = [];
  const cancelled: string[] = [];
  const cancelReasons: EndedBy[] = [];
  const asked: string[] = [];
  const left: string[] = [];
  const foreign = new Set<string>();
  const queued = new Set<string>();
  const forgotten: string[] = [];
  const offered: string[] = [];
  const workers = new Map<string, WorkerMember>();
  const dead = new Set<string>();
  const gateways = new Set<string>();
  const sessions = new Map<string, SessionRecord>();
  const records = new Map<string, JobRecord>();
  const revisions = new Map<string, number>();
  const logs = new Map<string, EventRecord[]>();
  const listeners = new Map<string, Set<RecordListener>>();
  const hushed = new Set<string>();
  /** Gateways that `silence` has silenced. */
  const silentOnes = new Set<string>();
  const cancelListeners = new Set<(jobId: string, by: EndedBy) => void>();
  const enders = new Map<string, Parameters<GatewaySide["onEnd"]>[0]>();
  const memberListeners = new Set<() => void>();
  const connectionListeners = new Set<(up: boolean) => void>();
  let up = true;
  let refusal: WaggleError | undefined;
  const pictures = new Map<string, readonly string[]>();
  let pictureRefusal: WaggleError | undefined;
  let attempts = 0;

  function requireUp(): void {
    if (!up) throw new WaggleError("unavailable", "There is no connection to NATS.");
  }

  function changed(): void {
    for (const listener of memberListeners) listener();
  }

  function write(jobId: string, record: EventRecord): void {
    logs.set(jobId, [...(logs.get(jobId) ?? []), record]);
    if (up) for (const listener of listeners.get(jobId) ?? []) listener(record);
  }

  const jobKey = ({ spec, id }: JobRecord): string => `${spec.who.client} ${id}`;
  const revisionOf = (key: string): number => revisions.get(key) ?? 0;

  function writeRecord(key: string, record: JobRecord): void {
    records.set(key, structuredClone(record));
    revisions.set(key, revisionOf(key) + 1);
  }

  function subscribe(jobId: string, listener: RecordListener): () => void {
    const known = listeners.get(jobId) ?? new Set();
    listeners.set(jobId, known.add(listener));
    return () => void known.delete(listener);
  }

  const fleet: FakeFleet = {
    published,
    cancelled,
    cancelReasons,
    asked,
    left,
    foreign,
    time: undefined,
    lose: (jobId) => void queued.delete(jobId),
    forgotten,
    offered,
    records,
    sessions,
    pictures,
    connect(now) {
      up = now;
      for (const listener of connectionListeners) listener(now);
    },
    join({ id, model, slots, modelSha256 = "a".repeat(64), aliases = [], loaded = true, readsPictures, ...knows }) {
      dead.delete(id);
      const file = {
        modelSha256,
        templateSha256: null,
        modelFile: `${model}.gguf`,
        vision: readsPictures === true ? "projector" : null,
      };
      workers.set(id, {
        version: fleetVersion,
        kind: "worker",
        id,
        heartbeat: { backend: "fake" } as WorkerMember["heartbeat"],
        takesJobs: true,
        models: [{ name: model, aliases, isDefault: true, ready: loaded, slots, ...knows, revision: 1, ...file }],
      });
      changed();
    },
    leave(id) {
      workers.delete(id);
      changed();
    },
    hush: (id) => void hushed.add(id),
    silence(id) {
      dead.add(id);
      if (gateways.delete(id)) silentOnes.add(id);
      changed();
    },
    refuse(error) {
      refusal = error;
    },
    refusePictures(error) {
      pictureRefusal = error;
    },
    answer: (question) =>
      question.kind === "offer"
        ? { kind: "offer", taken: true }
        : question.kind === "preflight"
          ? { kind: "preflight", size: { promptTokens: 3, cachedTokens: 0 } }
          : { kind: "failed", failure: { code: "unavailable", message: "Not answered." } },
    take(job, worker) {
      const attempt = `a${(attempts += 1)}`;
      let serial = 0;
      let index = 0;
      const emit = (...events: readonly JobEvent[]): void =>
        write(job.id, { kind: "events", attempt, serial: serial++, events });
      const file = workers.get(worker)?.models[0];
      const { modelSha256 = null, templateSha256 = null, modelFile = null, vision = null } = file ?? {};
      write(job.id, { kind: "fence", attempt, worker, modelSha256, templateSha256, modelFile, vision });
      const self: Attempt = {
        emit,
        start(...texts) {
          emit({ type: "started", jobId: "theirs", slot: 0, promptTokens: 3, cachedTokens: 0 });
          self.tokens(...texts);
          return self;
        },
        goOnAfter(tokens) {
          index = tokens;
        },
        tokens(...texts) {
          for (const text of texts) {
            emit({ type: "token", jobId: "theirs", index: index++, text, tMs: index, ids: [index], n: 1 });
          }
        },
        finish(...texts) {
          self.tokens(...texts);
          emit({ type: "finished", jobId: "theirs", by: "end", ...totals, completionTokens: index });
        },
        release: (cancelledBy) =>
          write(job.id, {
            kind: "events",
            attempt,
            serial: serial++,
            events: [{ type: "cancelled", jobId: "theirs", steps: 1, ...totals, completionTokens: index }],
            ...(cancelledBy === undefined ? {} : { cancelledBy }),
          }),
        record: (record) => write(job.id, record),
      };
      return self;
    },
    drop: (jobId, count) => void logs.set(jobId, (logs.get(jobId) ?? []).slice(count)),
    side(gateway) {
      gateways.add(gateway);
      return {
        id: processId(gateway),
        get connected() {
          return up;
        },
        onConnection(listener) {
          connectionListeners.add(listener);
          return () => void connectionListeners.delete(listener);
        },
        members: (): readonly Member[] => [...workers.values()],
        onMembers(listener) {
          memberListeners.add(listener);
          return () => void memberListeners.delete(listener);
        },
        silentGateways: () => [...silentOnes].map(processId),
        isAlive: (kind, id) => (kind === "gateway" ? gateways.has(id) : workers.has(id) && !dead.has(id)),
        now: () => fleet.time,
        async publish(job, { at, again = 0 } = {}) {
          requireUp();
          if (refusal !== undefined) throw refusal;
          published.push({ job: structuredClone(job), at, again });
          queued.add(job.id);
          return await Promise.resolve();
        },
        async placeOf({ id }) {
          requireUp();
          asked.push(id);
          const last = logs.get(id)?.at(-1);
          return await Promise.resolve(queued.has(id) ? "queued" : last && isEnd(last) ? "ended" : "lost");
        },
        subscribe,
        async subscribeFromStart(jobId, listener) {
          requireUp();
          await Promise.resolve();
          for (const record of logs.get(jobId) ?? []) listener(record);
          return subscribe(jobId, listener);
        },
        async cancel(jobId, by) {
          requireUp();
          cancelled.push(jobId);
          cancelReasons.push(by);
          for (const listener of cancelListeners) listener(jobId, by);
          return await Promise.resolve();
        },
        onCancel(listener) {
          cancelListeners.add(listener);
          return () => void cancelListeners.delete(listener);
        },
        async forget(jobId) {
          forgotten.push(jobId);
          return await Promise.resolve();
        },
        storeUse: async () => ({ jobs: 0.25, pictures: 0 }),
        pictures: {
          async put(key, given, { signal }) {
            requireUp();
            if (pictureRefusal !== undefined) throw pictureRefusal;
            signal.throwIfAborted();
            pictures.set(
              key,
              given.map(({ sha256 }) => sha256),
            );
            return await Promise.resolve();
          },
          async remove(key) {
            pictures.delete(key);
            return await Promise.resolve();
          },
        },
        async ask(question, { worker, ability }) {
          requireUp();
          const able = [...workers.values()].flatMap(({ models }) => models).flatMap(abilitiesOf);
          if (ability !== undefined && !able.includes(ability)) {
            throw new WaggleError("unavailable", "No worker has the model loaded.");
          }
          if (question.kind === "offer" && worker !== undefined) offered.push(worker);
          const answer = await fleet.answer(question, worker);
          if (answer.kind !== "failed") return answer as never;
          const { code, message } = answer.failure;
          throw new WaggleError(code, message);
        },
        sessions: {
          async get(client, sessionId) {
            requireUp();
            return await Promise.resolve(sessions.get(`${client} ${sessionId}`));
          },
          async claim(client, sessionId, record) {
            requireUp();
            await Promise.resolve();
            const before = sessions.get(`${client} ${sessionId}`);
            if ((before?.acceptedAt ?? 0) > (record.acceptedAt ?? Infinity) && before !== undefined)
              return { newer: before };
            sessions.set(`${client} ${sessionId}`, record);
            return { before };
          },
          async release(client, sessionId, { gateway: owner, jobId }) {
            const now = sessions.get(`${client} ${sessionId}`);
            if (now?.gateway === owner && now.jobId === jobId) sessions.delete(`${client} ${sessionId}`);
            return await Promise.resolve();
          },
        },
        async end({ gateway: other, jobId }, client, { by }) {
          if (!gateways.has(other) || hushed.has(other)) return false;
          await enders.get(other)?.(client, jobId, by);
          return true;
        },
        onEnd: (handler) => void enders.set(gateway, handler),
        records: {
          async create(record) {
            requireUp();
            if (refusal?.code === "payload_too_large") throw refusal;
            const key = jobKey(record);
            if (foreign.has(key)) return { foreign: true };
            const taken = records.get(key);
            if (taken === undefined) writeRecord(key, record);
            return await Promise.resolve(
              taken === undefined
                ? { revision: revisionOf(key) }
                : { taken: { record: taken, revision: revisionOf(key) } },
            );
          },
          async get(client, jobId) {
            requireUp();
            const key = `${client} ${jobId}`;
            const record = records.get(key);
            return await Promise.resolve(record === undefined ? undefined : { record, revision: revisionOf(key) });
          },
          async update(record, revision) {
            requireUp();
            const key = jobKey(record);
            if (revisionOf(key) !== revision) return await Promise.resolve(undefined);
            writeRecord(key, record);
            return revisionOf(key);
          },
          async remove(client, jobId, revision) {
            requireUp();
            const key = `${client} ${jobId}`;
            if (revisionOf(key) === revision) {
              records.delete(key);
              revisions.set(key, revision + 1);
            }
            return await Promise.resolve();
          },
          async list() {
            requireUp();
            return await Promise.resolve([...records].map(([key, record]) => ({ record, revision: revisionOf(key) })));
          },
        },
        report: () => {},
        leave() {
          left.push(gateway);
          fleet.silence(gateway);
        },
        async close() {
          gateways.delete(gateway);
          return await Promise.resolve();
        },
      };
    },
  };
  return fleet;
}
