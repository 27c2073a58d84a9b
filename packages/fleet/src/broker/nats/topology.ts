// Owns the creation of the fleet's streams, consumers and buckets. Needs NATS server 2.9, and no feature of a later version.
import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import { AckPolicy, DiscardPolicy, jetstream, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "@waggle/telemetry";
import { isStreamFull } from "./nats-errors.ts";
import { topics } from "../names.ts";
import { answerLimitMs, type Bucket } from "../port.ts";
import {
  bucketLifetimesMs,
  defaultFleetLimits,
  eventsAgeMs,
  picturesAgeMs,
  takenForMs,
  type FleetLimits,
} from "../stores.ts";

/** Jobs that wait for a worker or run on one. The stream is a work queue: a job is deleted when its end is acknowledged. */
export const jobsStream = "WAGGLE_JOBS";
/** The records of the jobs, with one subject for each job. */
export const eventsStream = "WAGGLE_EVENTS";
/** The pictures of jobs and questions, with one subject for each piece of a picture. */
export const picturesStream = "WAGGLE_PICTURES";

export const bucketNames: Readonly<Record<Bucket, string>> = {
  members: "waggle_members",
  cancels: "waggle_cancels",
  sessions: "waggle_sessions",
  jobs: "waggle_jobs",
};

export type Buckets = Readonly<Record<Bucket, KV>>;

const nanosPerMs = 1_000_000;
/** Share of the room for pictures that is reserved where NATS has no storage for all of it. */
const smallShare = 1 / 4;
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
    subjects: [topics.allJobs],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs: limits.jobs,
    max_bytes: limits.jobBytes,
  });
  await ensureStream(jsm, log, {
    name: eventsStream,
    subjects: [topics.allEvents],
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
  const kvm = new Kvm(jetstream(nc, { timeout: answerLimitMs }));
  const open = async (name: Bucket): Promise<KV> =>
    await kvm.create(bucketNames[name], { ttl: bucketLifetimesMs[name], history: 1, storage: StorageType.File });
  return {
    members: await open("members"),
    cancels: await open("cancels"),
    sessions: await open("sessions"),
    jobs: await open("jobs"),
  };
}

async function ensurePictures(jsm: JetStreamManager, log: Logger, maxBytes: number): Promise<void> {
  await ensureStream(jsm, log, {
    name: picturesStream,
    subjects: [topics.allPictures],
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

/** Creates a consumer of the jobs of these subjects. Idempotent. */
export async function ensureConsumer(jsm: JetStreamManager, name: string, subjects: string): Promise<void> {
  await jsm.consumers.add(jobsStream, {
    durable_name: name,
    filter_subject: subjects,
    ack_policy: AckPolicy.Explicit,
    ack_wait: takenForMs * nanosPerMs,
    max_ack_pending: mostUnacknowledged,
  });
}
