// Owns the creation of the fleet's streams, consumers and buckets. Needs NATS server 2.9, and no feature of a later version.
import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import { AckPolicy, DiscardPolicy, jetstream, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { isDenied, isStoreMissing, isStreamFull } from "./nats-errors.ts";
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

/** The kinds of programs that connect to a fleet. */
export type Role = "worker" | "gateway" | "hive";

/** The buckets that each role ensures. A worker also reads single keys of `jobs`. A hive uses no streams. */
const bucketsOf: Readonly<Record<Role, readonly Bucket[]>> = {
  worker: ["members", "cancels"],
  gateway: ["members", "cancels", "sessions", "jobs"],
  hive: ["members"],
};

export type Buckets = Readonly<Record<Bucket, KV>>;

export interface Topology {
  readonly buckets: Buckets;
  /** When each store of the role was created: another time shows that a store was lost and made again. */
  readonly created: string;
}

const nanosPerMs = 1_000_000;
/** Share of the room for pictures that is reserved where NATS has no storage for all of it. */
const smallShare = 1 / 4;
/** Maximum number of jobs of one model and class that all workers together may have at once. */
const mostUnacknowledged = 100_000;

/**
 * Creates the streams and buckets of the role that are missing. Idempotent. An existing stream keeps its limits, because an operator may have set them.
 * @throws Error if NATS refuses, or has no JetStream
 */
export async function ensureTopology(
  nc: NatsConnection,
  jsm: JetStreamManager,
  role: Role,
  given: Partial<FleetLimits> = {},
): Promise<Topology> {
  const limits = { ...defaultFleetLimits, ...given };
  const created = role === "hive" ? [] : await ensureStreams(jsm, limits);
  const kvm = new Kvm(jetstream(nc, { timeout: answerLimitMs }));
  const open = async (bucket: Bucket): Promise<KV> => {
    const name = bucketNames[bucket];
    // This sends nothing to NATS, which may let this member read only single keys.
    if (!bucketsOf[role].includes(bucket)) return await kvm.open(name, { allow_direct: true });
    const options = { ttl: bucketLifetimesMs[bucket], history: 1, storage: StorageType.File };
    const kv = await explained(name, kvm.create(name, options));
    created.push((await kv.status()).streamInfo.created);
    return kv;
  };
  const buckets = {
    members: await open("members"),
    cancels: await open("cancels"),
    sessions: await open("sessions"),
    jobs: await open("jobs"),
  };
  return { buckets, created: created.join(" ") };
}

/** @returns when each stream was created */
async function ensureStreams(jsm: JetStreamManager, limits: FleetLimits): Promise<string[]> {
  const jobs = await ensureStream(jsm, {
    name: jobsStream,
    subjects: [topics.allJobs],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_msgs: limits.jobs,
    max_bytes: limits.jobBytes,
  });
  const events = await ensureStream(jsm, {
    name: eventsStream,
    subjects: [topics.allEvents],
    storage: StorageType.File,
    max_age: eventsAgeMs * nanosPerMs,
    max_bytes: limits.eventBytes,
    allow_direct: true,
  });
  const pictures = await ensurePictures(jsm, limits.pictureBytes).catch(async (error: unknown) => {
    // NATS reserves the bytes of a stream. A fleet on a small disk has less room for pictures.
    if (!isStreamFull(error)) throw error;
    return await ensurePictures(jsm, limits.pictureBytes * smallShare);
  });
  return [jobs, events, pictures];
}

async function ensurePictures(jsm: JetStreamManager, maxBytes: number): Promise<string> {
  return await ensureStream(jsm, {
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

/** Asks first whether the stream exists: NATS may not let this member create streams. */
async function ensureStream(jsm: JetStreamManager, config: Partial<StreamConfig> & { name: string }): Promise<string> {
  const there = await createdAt(jsm, config.name);
  if (there !== undefined) return there;
  try {
    return (await explained(config.name, jsm.streams.add(config))).created;
  } catch (error) {
    // Another member may have created it at the same moment.
    const now = await createdAt(jsm, config.name);
    if (now === undefined) throw error;
    return now;
  }
}

async function createdAt(jsm: JetStreamManager, stream: string): Promise<string | undefined> {
  try {
    return (await jsm.streams.info(stream)).created;
  } catch (error) {
    if (isStoreMissing(error)) return undefined;
    throw error;
  }
}

async function explained<T>(store: string, creation: Promise<T>): Promise<T> {
  return await creation.catch((error: unknown) => {
    if (!isDenied(error)) throw error;
    throw new Error(`${store} does not exist, and this user may not create it. Gateways create it.`);
  });
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
