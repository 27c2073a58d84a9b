// Owns that the streams and buckets of the fleet are there, as they have to be.
import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import { AckPolicy, DiscardPolicy, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "@waggle/telemetry";
import { buckets, consumers, eventsStream, jobsStream, subjects } from "./names.ts";
import { jobClasses } from "./records.ts";

/** Most that NATS keeps for the fleet; beyond it comes a typed error, or the oldest goes. */
export interface FleetLimits {
  readonly jobs: number;
  readonly jobBytes: number;
  readonly eventBytes: number;
}

const defaultFleetLimits: FleetLimits = {
  jobs: 10_000,
  jobBytes: 256 * 1024 * 1024,
  eventBytes: 512 * 1024 * 1024,
};

export interface Buckets {
  readonly members: KV;
  readonly cancels: KV;
  readonly sessions: KV;
  readonly jobs: KV;
}

const nanosPerMs = 1_000_000;
/** How long a record stays; a job that runs for longer repeats what matters of it. */
const eventsAgeMs = 120_000;
/** Of a job that nobody has said to be working. */
const ackWaitMs = 5_000;
/** Of a heartbeat. */
export const memberTtlMs = 15_000;
/** Longer than any job waits for its turn to be cancelled. */
const cancelTtlMs = 3_600_000;
const sessionTtlMs = 3_600_000;
const jobRecordTtlMs = 3_600_000;
/** Most jobs of a model and class that workers have at a time. */
const mostUnacknowledged = 100_000;

interface TopologyOptions extends Partial<FleetLimits> {
  readonly log: Logger;
}

/** Idempotent. @throws Error where NATS does not let us, or has no JetStream */
export async function ensureTopology(
  nc: NatsConnection,
  jsm: JetStreamManager,
  { log, ...given }: TopologyOptions,
): Promise<Buckets> {
  const limits = { ...defaultFleetLimits, ...definedOf(given) };
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

/** One that is there with other limits stays as it is: who runs the fleet may have chosen them. */
async function ensureStream(
  jsm: JetStreamManager,
  log: Logger,
  config: Partial<StreamConfig> & { name: string },
): Promise<void> {
  try {
    await jsm.streams.add(config);
  } catch (error) {
    const there = await jsm.streams.info(config.name).catch(() => undefined);
    if (there === undefined) throw error;
    log.debug({ stream: config.name }, "nats_stream_has_limits_of_its_own");
  }
}

/** Those in which jobs for this model wait. Idempotent. */
export async function ensureModelConsumers(jsm: JetStreamManager, model: string): Promise<void> {
  for (const jobClass of jobClasses) {
    await ensureConsumer(jsm, consumers.of(model, jobClass), subjects.jobsOf(model, jobClass));
  }
}

/** That in which jobs for this worker alone wait. Idempotent. */
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

function definedOf(limits: Partial<FleetLimits>): Partial<FleetLimits> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
