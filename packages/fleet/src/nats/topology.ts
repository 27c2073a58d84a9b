// Owns the creation of the fleet's streams, consumers and buckets.
import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import { AckPolicy, DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "@waggle/telemetry";
import { isStreamFull } from "./nats-errors.ts";
import { buckets, consumers, eventsStream, jobsStream, picturesStream, subjects } from "./names.ts";
import type { JobQueue } from "../queue/records.ts";

/** Limits of the streams. Full streams of jobs and pictures refuse new ones with a typed error; a full events stream drops its oldest records. */
export interface FleetLimits {
  readonly jobs: number;
  readonly jobBytes: number;
  readonly eventBytes: number;
  readonly pictureBytes: number;
}

const defaultFleetLimits: FleetLimits = {
  jobs: 10_000,
  jobBytes: 256 * 1024 * 1024,
  eventBytes: 512 * 1024 * 1024,
  pictureBytes: 512 * 1024 * 1024,
};

export interface Buckets {
  readonly members: KV;
  readonly cancels: KV;
  readonly sessions: KV;
  readonly jobs: KV;
}

const nanosPerMs = 1_000_000;
/** How long NATS keeps a record. A job that runs for longer publishes its whole output again before its records expire. */
const eventsAgeMs = 120_000;
/** Lifetime of a picture. A gateway stores it again before it publishes a job that has waited for long. */
export const picturesAgeMs = 3_600_000;
/** Share of the room for pictures that is reserved where NATS has no storage for all of it. */
const smallShare = 1 / 4;
/** NATS gives a job to another worker after this time without an acknowledgement. */
const ackWaitMs = 5_000;
/** The lifetime of a heartbeat. */
export const memberTtlMs = 15_000;
/** Lifetime of a cancel, which is longer than any job waits in the queue. */
const cancelTtlMs = 3_600_000;
const sessionTtlMs = 3_600_000;
const jobRecordTtlMs = 3_600_000;
/** Maximum number of jobs of one model and class that all workers together may have at once. */
const mostUnacknowledged = 100_000;

interface TopologyOptions extends Partial<FleetLimits> {
  readonly log: Logger;
}

/** Creates the streams and buckets that are missing. Idempotent. @throws Error if NATS refuses, or has no JetStream */
export async function ensureTopology(
  nc: NatsConnection,
  jsm: JetStreamManager,
  { log, ...given }: TopologyOptions,
): Promise<Buckets> {
  const limits = { ...defaultFleetLimits, ...given };
  await ensureStream(jsm, log, {
    name: jobsStream,
    subjects: [subjects.allJobs],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs: limits.jobs,
    max_bytes: limits.jobBytes,
  });
  await ensureStream(jsm, log, {
    name: eventsStream,
    subjects: [subjects.allEvents],
    storage: StorageType.File,
    max_age: eventsAgeMs * nanosPerMs,
    max_bytes: limits.eventBytes,
    allow_direct: true,
  });
  await ensurePictures(jsm, log, limits.pictureBytes).catch(async (error: unknown) => {
    // NATS reserves the bytes of a stream. A fleet on a small disk has less room for pictures.
    if (!isStreamFull(error)) throw error;
    await ensurePictures(jsm, log, limits.pictureBytes * smallShare);
  });
  const kvm = new Kvm(nc);
  const open = async (name: string, ttl: number): Promise<KV> =>
    await kvm.create(name, { ttl, history: 1, storage: StorageType.File });
  return {
    members: await open(buckets.members, memberTtlMs),
    cancels: await open(buckets.cancels, cancelTtlMs),
    sessions: await open(buckets.sessions, sessionTtlMs),
    jobs: await open(buckets.jobs, jobRecordTtlMs),
  };
}

async function ensurePictures(jsm: JetStreamManager, log: Logger, maxBytes: number): Promise<void> {
  await ensureStream(jsm, log, {
    name: picturesStream,
    subjects: [subjects.allPictures],
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_age: picturesAgeMs * nanosPerMs,
    max_bytes: maxBytes,
    max_msgs_per_subject: 1,
    allow_direct: true,
  });
}

/** Creates the stream if it is missing. An existing stream keeps its limits, because an operator may have set them. */
async function ensureStream(
  jsm: JetStreamManager,
  log: Logger,
  config: Partial<StreamConfig> & { name: string },
): Promise<void> {
  try {
    await jsm.streams.add(config);
  } catch (error) {
    const existing = await jsm.streams.info(config.name).catch(() => undefined);
    if (existing === undefined) throw error;
    log.debug({ stream: config.name }, "nats_stream_has_other_limits");
  }
}

/** Creates the consumer of one of the model's queues. Idempotent. */
export async function ensureQueueConsumer(jsm: JetStreamManager, model: string, queue: JobQueue): Promise<void> {
  await ensureConsumer(jsm, consumers.of(model, queue), subjects.jobsOf(model, queue));
}

/** Creates the consumer of the jobs for this worker. Idempotent. */
export async function ensureWorkerConsumer(jsm: JetStreamManager, worker: string): Promise<void> {
  await ensureConsumer(jsm, consumers.at(worker), subjects.jobsAt(worker));
}

async function ensureConsumer(jsm: JetStreamManager, name: string, filter: string): Promise<void> {
  await jsm.consumers.add(jobsStream, {
    durable_name: name,
    filter_subject: filter,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ackWaitMs * nanosPerMs,
    max_ack_pending: mostUnacknowledged,
  });
}
