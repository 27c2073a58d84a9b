// Keeps the fleet ids of this gateway's jobs, and each job's record in the bucket. The record reserves the job's id before acceptance, lets another
// gateway take over the job, and is deleted when the job is forgotten. The job's pictures are stored before its record, and deleted at the job's end.
import { deferred, type Clock, inBackground, type TimerHandle } from "@waggle/async";
import { choicesOf, picturesOf } from "@waggle/engine";
import type { PromptInput } from "@waggle/engine";
import { fleetVersion, storedPictures } from "@waggle/fleet";
import type {
  Chance,
  EndedBy,
  FoundRecord,
  GatewayProcessId,
  GatewaySide,
  JobRecord,
  StoredPictures,
} from "@waggle/fleet";
import type { Job, JobSpec, Outcome, Reservation } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { createJobPictures, specOfRecord, withoutPictures, type JobPictures } from "./job-pictures.ts";

/**
 * Time limit for writing a job's record before acceptance. At the limit, the job is accepted, and its record is written later. A job with
 * `on_disconnect: continue` would end with this gateway: it waits as long as NATS answers each request in time, and is refused without a record.
 */
const reserveLimitMs = 500;
/** Interval of the attempts to delete the records of refused jobs. */
const removeIntervalMs = 1_000;
const retryAfterS = 2;

/** Digits of a call key. */
const callKeyDigits = 16;

export interface JobNames {
  /** Reserves the id of a job that is about to be accepted. @throws WaggleError conflict, payload_too_large, resource_exhausted, unavailable */
  reserve(spec: JobSpec & { readonly id: string }): Promise<Reservation>;
  /** Called after the job's acceptance. */
  add(job: Job): void;
  ended(job: Job, outcome: Outcome): void;
  /** Takes over the ids of another gateway's job. Call it before `add`. */
  takeOver(found: FoundRecord): void;
  /** The fleet's id of one of the job's sequences. */
  fleetIdOf(job: Job, choice: number): string;
  /** The names of the job's pictures. */
  picturesOf(job: Job): StoredPictures | undefined;
  /** The gateway that accepted the job. */
  originOf(job: Job): GatewayProcessId;
  /**
   * Resolves when the job's record and pictures are written and its ids are final.
   * @throws WaggleError conflict, payload_too_large, resource_exhausted, unavailable
   */
  recorded(job: Job): Promise<void>;
  /** Whether another gateway has put the job into the fleet's queue. @throws WaggleError unavailable */
  isPublished(job: Job): Promise<boolean>;
  /** Called when one of the job's sequences is in the fleet's queue. */
  published(job: Job): void;
  /**
   * The gateway that has the job now. `lost`: the job's record is gone, so no gateway is known. Undefined for a job without a record.
   * @throws WaggleError unavailable
   */
  ownerOf(job: Job): Promise<GatewayProcessId | "lost" | undefined>;
  /** The waiting job that has a sequence with this fleet id. */
  waiting(fleetId: string): Job | undefined;
  /** Whether another gateway can continue the job from its record. */
  canContinueElsewhere(job: Job): boolean;
  /** Leaves all records and pictures to the other gateways. */
  leave(): void;
  /** Called when the job's stream can no longer be read here. */
  forget(job: Job): void;
}

export interface JobNamesOptions {
  readonly side: Pick<GatewaySide, "connected" | "now" | "records" | "pictures" | "forget" | "cancel">;
  readonly gateway: GatewayProcessId;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Logger;
}

interface Names {
  /** Undefined for all jobs but those that generate: no other gateway can continue them. */
  record: JobRecord | undefined;
  pictures: JobPictures | undefined;
  fleetIds: readonly string[];
  /** Revision of the record when it was last written or read; undefined while there is no record. */
  revision: number | undefined;
  writing: Promise<void> | undefined;
  /** Whether NATS may have the record. */
  isSent: boolean;
  /** False once this gateway knows that a sequence of the job is in the fleet's queue. */
  waits: boolean;
  /** Number of sequences that this gateway has put into the fleet's queue. */
  published: number;
  job: Job | undefined;
}

export function createJobNames({ side, gateway, clock, chance, log }: JobNamesOptions): JobNames {
  /** Names by call key, which is unique for each job. */
  const known = new Map<string, Names>();
  const byFleetId = new Map<string, Names>();
  /** Records of refused jobs by call key, which NATS may have or may yet get. Without them, no gateway may run the jobs. */
  const refused = new Map<string, JobRecord>();
  /** Those that NATS has not found once. */
  const missing = new WeakSet<JobRecord>();
  let removing: TimerHandle | undefined;
  let hasLeft = false;

  function remember(callKey: string, names: Names): Names {
    known.set(callKey, names);
    for (const id of names.fleetIds) byFleetId.set(id, names);
    return names;
  }

  function drop(callKey: string): void {
    for (const id of known.get(callKey)?.fleetIds ?? []) byFleetId.delete(id);
    known.delete(callKey);
  }

  /** @throws Error for a job that this gateway has never had */
  function namesOf({ callKey, id }: Pick<Job, "callKey" | "id">): Names {
    const names = known.get(callKey);
    if (names === undefined) throw new Error(`Job ${id} has no names in the fleet`);
    return names;
  }

  /** Concurrent callers share one attempt. @throws WaggleError conflict, payload_too_large, resource_exhausted, unavailable */
  function write(names: Names, record: JobRecord | undefined): Promise<void> {
    names.isSent = true;
    names.writing ??= create(names, record).finally(() => (names.writing = undefined));
    return names.writing;
  }

  async function create(names: Names, record: JobRecord | undefined): Promise<void> {
    await names.pictures?.store();
    if (record === undefined) return;
    const created = await side.records.create(record);
    if ("revision" in created) {
      names.revision = created.revision;
      return;
    }
    if ("foreign" in created) {
      const why =
        "a gateway of another version has a job with that job_id. Ask at that gateway, or use another job_id.";
      throw new WaggleError("conflict", `Cannot accept job ${record.id}: ${why}`);
    }
    const { taken } = created;
    if (refused.has(taken.record.callKey)) {
      await removeRefused(taken.record);
      return await create(names, record);
    }
    // A record with the same call key is this job's record: an earlier attempt wrote the record, but NATS's answer was lost.
    if (taken.record.callKey !== record.callKey) joinLate(names, record, taken);
    names.revision = taken.revision;
  }

  /** Merges a job that was accepted without a reservation into the fleet's job with its id. @throws WaggleError conflict if the requests differ */
  function joinLate(names: Names, { id, callKey, spec }: JobRecord, { record }: FoundRecord): void {
    const { job } = names;
    if (job === undefined || record.spec.who.requestDigest !== spec.who.requestDigest) {
      throw new WaggleError("conflict", `Cannot accept job ${id}: that job_id is taken.`);
    }
    drop(callKey);
    names.record = record;
    inBackground("remove pictures of a job", names.pictures?.remove());
    names.pictures = picturesOfRecord(record);
    names.fleetIds = record.fleetIds;
    job.spec = { ...withContentOf(job.spec, specOfRecord(record)), id };
    job.callKey = record.callKey;
    remember(job.callKey, names);
  }

  /** The pictures of a record that another gateway has written. */
  function picturesOfRecord({ pictures: stored, spec }: JobRecord): JobPictures | undefined {
    return stored && createJobPictures({ side, client: spec.who.client, stored, pictures: undefined, clock });
  }

  /**
   * Resolves when the record is written, or for most jobs after `reserveLimitMs`.
   * @throws WaggleError conflict, payload_too_large, resource_exhausted; unavailable for a job that must have a record
   */
  async function writeSoon(names: Names, id: string): Promise<void> {
    if (!side.connected) return;
    const isNeeded = names.record?.spec.when.onDisconnect === "continue";
    const written = write(names, names.record).catch((thrown: unknown) => {
      const error = WaggleError.from(thrown);
      if (error.code !== "unavailable") throw error;
      log.warn({ job: id, reason: error.message }, "fleet_record_failed");
    });
    const late = deferred<void>();
    const timer = clock.setTimeout(late.resolve, reserveLimitMs);
    try {
      await (isNeeded ? written : Promise.race([written, late.promise]));
    } finally {
      timer.cancel();
      written.catch(() => {});
    }
    if (!isNeeded || names.revision !== undefined) return;
    const why =
      "NATS has not confirmed its record in time. The job runs if NATS has it: repeat the request with this job_id";
    throw withoutRecord(id, why);
  }

  async function release(names: Names): Promise<void> {
    names.pictures?.stop();
    await names.writing?.catch(() => {});
    inBackground("remove pictures of a job", names.pictures?.remove());
    if (names.record === undefined || !names.isSent) return;
    const record = withoutContent(names.record);
    refused.set(record.callKey, record);
    if (names.revision !== undefined) await removeRefused(record).catch(() => {});
    removeSoon();
  }

  function removeSoon(): void {
    if (refused.size === 0 || hasLeft || removing !== undefined) return;
    removing = clock.setTimeout(() => {
      const round = side.connected ? [...refused.values()].map(removeRefused) : [];
      // A record that reaches NATS after the answers of this round is found in the next one.
      const removed = Promise.allSettled(round).then(() => {
        removing = undefined;
        removeSoon();
      });
      inBackground("remove records of refused jobs", removed);
    }, removeIntervalMs);
  }

  /** Another gateway may have taken the job over, because the client has repeated its request there. @throws WaggleError unavailable */
  async function removeRefused(record: JobRecord): Promise<void> {
    const found = await read(record);
    // NATS may still be about to store it.
    if (found === undefined && !missing.has(record)) return void missing.add(record);
    if (found?.record.gateway === gateway) await side.records.remove(record.spec.who.client, record.id, found.revision);
    refused.delete(record.callKey);
  }

  /** The job's record now; undefined without a record. Another job with the same id has another call key. @throws WaggleError unavailable */
  async function read({
    spec,
    id,
    callKey,
  }: Pick<JobRecord, "spec" | "id" | "callKey">): Promise<FoundRecord | undefined> {
    const found = await side.records.get(spec.who.client, id);
    return found?.record.callKey === callKey ? found : undefined;
  }

  /** Like `read`, but undefined while NATS does not answer. */
  async function tryRead(job: Job): Promise<FoundRecord | undefined> {
    return await read(job).catch(() => undefined);
  }

  /** Deletes the pictures of an ended job, unless another gateway has taken over the job, and may still need them. */
  async function removePictures(job: Job, names: Names): Promise<void> {
    names.pictures?.stop();
    await names.writing?.catch(() => {});
    const found = names.pictures && (await tryRead(job));
    if (found === undefined || found.record.gateway === gateway) await names.pictures?.remove();
    names.pictures = undefined;
  }

  /** Ends a waiting job at other gateways too. No worker has the job yet, so no worker's records would end it there. */
  async function endElsewhere(job: Job, names: Names, outcome: Outcome): Promise<void> {
    await names.writing?.catch(() => {});
    const found = await tryRead(job);
    if (found === undefined) return;
    const { record, revision } = found;
    const isOurs = record.gateway === gateway;
    const isShared = !isOurs || record.origin !== gateway || !record.waits;
    if (isShared && isRequested(outcome)) {
      await Promise.all(names.fleetIds.map((id) => side.cancel(id, endedByOf(outcome)).catch(() => {})));
    }
    if (isOurs && record.waits) await side.records.remove(record.spec.who.client, record.id, revision).catch(() => {});
  }

  /** Deletes the job's record and events, unless another gateway has taken over the job: then that gateway deletes them. */
  async function forgetInFleet(job: Job, names: Names): Promise<void> {
    const found = await tryRead(job);
    if (found !== undefined && found.record.gateway !== gateway) return;
    // First the record: a gateway that finds it reads the job's events from the first on. NATS deletes by age what this leaves.
    const { client } = job.spec.who;
    if (found === undefined || (await side.records.remove(client, job.id, found.revision).catch(() => false)))
      await Promise.all(names.fleetIds.map((id) => side.forget(id)));
  }

  /**
   * Removes the prompt from the record of a job that is now in the fleet's queue. If this gateway dies before the removal, another
   * gateway publishes the job again from the record, and NATS drops the duplicate.
   */
  async function strip(names: Names, record: JobRecord): Promise<void> {
    const { revision } = names;
    if (revision === undefined) return;
    try {
      let updated = await side.records.update(record, revision);
      if (updated !== undefined) return void (names.revision = updated);
      // Another gateway took over the job while it waited here. That gateway remains the owner.
      const found = await read(record);
      if (found?.record.waits !== true) return;
      updated = await side.records.update({ ...record, gateway: found.record.gateway }, found.revision);
      names.revision = updated ?? names.revision;
    } catch (error) {
      log.warn({ job: record.id, reason: WaggleError.from(error).message }, "fleet_record_failed");
    }
  }

  return {
    async reserve(spec) {
      const callKey = chance.id().slice(0, callKeyDigits);
      const { id, who, work, when } = spec;
      if (!side.connected && work.kind === "generate" && when.onDisconnect === "continue")
        throw withoutRecord(id, "there is no connection to NATS, which keeps its record");
      const fleetIds = Array.from({ length: choicesOf(work) }, () => chance.id());
      const base = {
        version: fleetVersion,
        id,
        gateway,
        origin: gateway,
        callKey,
        fleetIds,
        acceptedAt: side.now(),
        waits: true,
      } as const;
      const pictures = picturesOf(work);
      const stored = pictures && storedPictures(callKey, pictures);
      // Vectors, ranks and decisions need no record: only the client of the request reads the result.
      const record = work.kind === "generate" ? { ...base, spec: withoutPictures(spec), pictures: stored } : undefined;
      const names = {
        ...blankNames({ record, fleetIds, waits: true }),
        pictures: stored && createJobPictures({ side, client: who.client, stored, pictures, clock }),
      };
      try {
        if (record !== undefined || stored !== undefined) await writeSoon(names, id);
      } catch (error) {
        inBackground("release a job's record", release(names));
        throw error;
      }
      remember(callKey, names);
      return {
        callKey,
        release() {
          drop(callKey);
          inBackground("release a job's record", release(names));
        },
      };
    },
    add(job) {
      namesOf(job).job = job;
    },
    takeOver({ record, revision }) {
      const { fleetIds, waits } = record;
      const pictures = picturesOfRecord(record);
      remember(record.callKey, { ...blankNames({ record, fleetIds, waits }), pictures, revision });
    },
    fleetIdOf(job, choice) {
      const id = namesOf(job).fleetIds[choice];
      if (id === undefined) throw new Error(`Job ${job.id} has no choice ${choice}`);
      return id;
    },
    picturesOf: (job) => namesOf(job).pictures?.stored,
    originOf: (job) => namesOf(job).record?.origin ?? gateway,
    async recorded(job) {
      const names = namesOf(job);
      const { record } = names;
      await names.writing?.catch(() => {});
      if (record === undefined) await names.pictures?.store();
      else if (names.revision === undefined) await write(names, record);
      // If this fails, the pictures that were stored earlier may still be there. Otherwise the worker ends the job with an error.
      else await names.pictures?.store().catch(() => {});
    },
    async isPublished(job) {
      const { record, waits } = namesOf(job);
      // With several choices, this gateway itself may have published one of the job's sequences already.
      if (record === undefined || !waits) return false;
      return (await read(record))?.record.waits === false;
    },
    published(job) {
      const names = known.get(job.callKey);
      if (names === undefined) return;
      names.waits = false;
      names.published += 1;
      if (names.record === undefined || names.published < names.fleetIds.length) return;
      names.record = withoutContent(names.record);
      inBackground("shorten a job's record", strip(names, names.record));
    },
    async ownerOf(job) {
      const names = known.get(job.callKey);
      if (names?.revision === undefined) return undefined;
      return (await read(job))?.record.gateway ?? "lost";
    },
    waiting(fleetId) {
      const names = byFleetId.get(fleetId);
      return names?.waits === true ? names.job : undefined;
    },
    ended(job, outcome) {
      const names = known.get(job.callKey);
      if (names?.pictures !== undefined) inBackground("remove pictures of a job", removePictures(job, names));
      if (names?.waits !== true || names.record === undefined) return;
      names.waits = false;
      names.record = withoutContent(names.record);
      inBackground("end a job in the fleet", endElsewhere(job, names, outcome));
    },
    canContinueElsewhere(job) {
      const names = known.get(job.callKey);
      // The order of tokens between choices is not recorded.
      return names?.revision !== undefined && (names.waits || names.fleetIds.length === 1);
    },
    leave() {
      hasLeft = true;
      removing?.cancel();
      known.clear();
      byFleetId.clear();
    },
    forget(job) {
      const names = known.get(job.callKey);
      if (names === undefined) return;
      drop(job.callKey);
      inBackground("forget a job in the fleet", forgetInFleet(job, names));
    },
  };
}

function withoutRecord(id: string, why: string): WaggleError {
  return new WaggleError("unavailable", `Cannot accept job ${id} with on_disconnect "continue": ${why}.`, {
    retryAfterS,
  });
}

/** Whether a client or a newer job ended the job. A job without readers at this gateway may still have readers at other gateways. */
function isRequested(outcome: Outcome): boolean {
  return outcome.type === "cancelled" && outcome.by !== "disconnect" && outcome.by !== "unclaimed";
}

/** The reason for the cancel of a job that ends with this outcome, for the other members of the fleet. */
export function endedByOf(outcome: Outcome): EndedBy {
  return outcome.type === "cancelled" ? outcome.by : "gateway";
}

function blankNames(given: Pick<Names, "record" | "fleetIds" | "waits">): Names {
  return {
    ...given,
    pictures: undefined,
    revision: undefined,
    writing: undefined,
    isSent: false,
    published: 0,
    job: undefined,
  };
}

function withoutContent(record: JobRecord): JobRecord {
  return { ...record, spec: recordedSpec(record.spec), waits: false };
}

/** The spec with the prompt of the same request. When the fleet's queue loses a job, the job is published again with its prompt. */
function withContentOf({ work: own }: JobSpec, spec: JobSpec): JobSpec {
  if (own.kind !== "generate" || spec.work.kind !== "generate") return spec;
  return { ...spec, work: { ...spec.work, prompt: own.prompt, stop: own.stop } };
}

/** The spec without the prompt, for the job's record: the stream, its message and its receipt need the other fields. */
function recordedSpec(spec: JobSpec): JobSpec {
  const { work } = spec;
  if (work.kind !== "generate") return spec;
  const prompt: PromptInput =
    work.prompt.kind === "messages" ? { kind: "messages", messages: [] } : { kind: "text", text: "" };
  return { ...spec, work: { ...work, prompt, stop: [] } };
}
