// Defines the messages on NATS and their encoding: JSON, compressed with gzip if it is long. Members have one version.
import { promisify } from "node:util";
import { gunzipSync, gzip, gzipSync } from "node:zlib";
import type {
  BackendInfo,
  EngineJob,
  EngineQuery,
  EngineQueryResult,
  JobEvent,
  JobFailure,
  PriorOutput,
} from "@waggle/engine";
import type { JobSpec, PromptSize } from "@waggle/jobs";
import { isLane } from "@waggle/protocol";
import type { CancelledBy, Heartbeat, ModelStatus, WorkerInfo } from "@waggle/protocol";
import type { GatewayProcessId } from "../members/gateway-process.ts";

/** The version of every shape here. A fleet has one: members of another version are refused, and their records ignored. */
export const fleetVersion = 4;

/** The order in which workers take jobs, by the sign of their priority. A worker takes jobs of the lane while it has idle slots, and nothing else waits. */
export const jobClasses = ["high", "normal", "low", "lane"] as const;
export type JobClass = (typeof jobClasses)[number];

export function classOf(priority: number): JobClass {
  if (isLane({ priority })) return "lane";
  return priority > 0 ? "high" : priority < 0 ? "low" : "normal";
}

/** What some workers of a model can do, and others may not: those with a projector read pictures. */
export type Ability = "pictures";

/** The abilities of a worker's model. */
export function abilitiesOf({ vision }: Pick<MemberModel, "vision">): readonly Ability[] {
  return vision === null ? [] : ["pictures"];
}

export function canRun(
  { abilities }: { readonly abilities: readonly Ability[] },
  job: Pick<FleetJob, "pictures">,
): boolean {
  return job.pictures === undefined || abilities.includes("pictures");
}

/** A queue of a model's jobs: two for each class, because a worker takes all jobs of a queue. */
export type JobQueue = `${JobClass}${"" | "-pictures"}`;

export function queueOf({ spec, pictures }: QueuedWork): JobQueue {
  const jobClass = classOf(spec.when.priority);
  return pictures === undefined ? jobClass : `${jobClass}-pictures`;
}

interface QueuedWork extends Pick<FleetJob, "pictures"> {
  readonly spec: { readonly when: Pick<JobSpec["when"], "priority"> };
}

/** The queues from which a worker takes jobs, in order: first the jobs of a class that fewer workers can run. @param abilities those of its model */
export function queuesOf(abilities: readonly Ability[]): readonly JobQueue[] {
  return jobClasses.flatMap((one): JobQueue[] => (abilities.length === 0 ? [one] : [`${one}-pictures`, one]));
}

/** Whether the jobs of this queue only get slots that no other job needs. */
export function isLaneQueue(queue: JobQueue): boolean {
  return queue.startsWith("lane");
}

/** The pictures of a job or a question. Their bytes are not in the message: gateways store them on NATS under the key, and workers read them there. */
export interface StoredPictures {
  /** Unique in the fleet, and not known to clients. */
  readonly key: string;
  /** In the order of their indexes. */
  readonly files: readonly StoredPicture[];
}

export interface StoredPicture {
  readonly sha256: string;
  /** Number of bytes. */
  readonly size: number;
}

/** One sequence of a client's job. For the workers, each sequence is a separate job. */
export interface FleetJob {
  readonly version: typeof fleetVersion;
  /** Unique in the fleet. Valid as a token of a NATS subject. */
  readonly id: string;
  /** The gateway that accepted the job. The job's records stay on this gateway's subject, also after another gateway takes the job over. */
  readonly gateway: GatewayProcessId;
  /** The client, and the client's id of the whole job. */
  readonly clientJob: { readonly client: string; readonly id: string };
  readonly model: string;
  /**
   * The spec has one choice, a seed and no session, because the gateway keeps the order of a session's jobs. It has no pictures. Its `prior` comes from
   * the records.
   */
  readonly spec: JobSpec;
  /** The pictures of the spec's work. */
  readonly pictures?: StoredPictures | undefined;
  /** Whether an answer that has begun continues when its worker is lost. */
  readonly onWorkerLoss: "resume" | "error";
  /** How long the job continues without a gateway that reads it, in milliseconds; with null it runs to its end. */
  readonly orphanMs: number | null;
}

/** The file of a worker's model. SHA-256 as 64 hexadecimal digits; null while a value is unknown, or without a file. */
export interface FleetModelFile {
  readonly modelSha256: string | null;
  readonly templateSha256: string | null;
  /** The name of the file, without its folder. */
  readonly modelFile: string | null;
  /** Identifies the projector and the scale of its pictures; null if the model reads no pictures. Workers of one model may differ in it. */
  readonly vision: string | null;
}

/** The fields of a file in a record that has more fields. */
export function fileIn({ modelSha256, templateSha256, modelFile, vision }: FleetModelFile): FleetModelFile {
  return { modelSha256, templateSha256, modelFile, vision };
}

/** The records on a job's subject, in order. A record's `attempt` is the attempt of the fence before the record. */
export type EventRecord =
  /** A worker takes the job over: from here on the records of other workers are rejected. */
  | ({ readonly kind: "fence"; readonly attempt: string; readonly worker: string } & FleetModelFile)
  /** Events of the engine, in order; the last one may be the job's end. `serial` counts this attempt's records from 0. */
  | {
      readonly kind: "events";
      readonly attempt: string;
      readonly serial: number;
      readonly events: readonly JobEvent[];
      /** If the last event is `cancelled`. */
      readonly cancelledBy?: EndedBy | undefined;
    }
  /** An engine died while running the job. `enginesLost` counts the engines in a row that died without new output. */
  | { readonly kind: "engine_lost"; readonly attempt: string; readonly serial: number; readonly enginesLost: number }
  /** The whole output so far and the model's file, because NATS may have deleted earlier records by age, including the fence. */
  | ({
      readonly kind: "output";
      readonly attempt: string;
      readonly serial: number;
      readonly output: PriorOutput;
      /** The worker gave the job back and was not lost. */
      readonly givenBack?: true;
    } & FleetModelFile);

/** Whether the record has the job's end. */
export function isEnd(record: EventRecord): boolean {
  const last = record.kind === "events" ? record.events.at(-1)?.type : undefined;
  return last === "finished" || last === "failed" || last === "cancelled";
}

/** The heartbeat of a worker, in the members' bucket. */
export interface WorkerMember {
  readonly version: typeof fleetVersion;
  readonly kind: "worker";
  readonly id: string;
  /** The same heartbeat as the worker sends to the hive. */
  readonly heartbeat: Heartbeat;
  /** False for a draining worker, which takes no new jobs. */
  readonly takesJobs: boolean;
  readonly models: readonly MemberModel[];
  /** Distinguishes two processes with one id. */
  readonly instance: string;
}

export interface MemberModel extends FleetModelFile {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly isDefault: boolean;
  /** Loaded, and takes jobs now. */
  readonly ready: boolean;
  readonly slots: number;
  /** Changes with every change of the answer to `describe`. */
  readonly revision: number;
}

export interface GatewayMember {
  readonly version: typeof fleetVersion;
  readonly kind: "gateway";
  /** The configured id. Beats and records have the id of the process instead. */
  readonly id: string;
  readonly url: string;
  readonly startedAt: string;
  readonly jobs: number;
  /** The part of `jobs` that is not in the fleet's queue yet. */
  readonly waiting?: number;
  readonly instance?: undefined;
}

export type Member = WorkerMember | GatewayMember;

/** The facts that a gateway needs to serve a model. */
export interface ModelDescription extends FleetModelFile {
  readonly revision: number;
  readonly info: WorkerInfo;
  readonly status: ModelStatus;
  /** Facts of the engine; null for a model that is not loaded. */
  readonly engine: Pick<BackendInfo, "chatFormat" | "promptTexts" | "slots" | "contextSize"> | null;
}

/** Questions to a worker that has the model loaded. */
export type WorkerQuestion =
  | { readonly kind: "preflight"; readonly model: string; readonly job: EngineJob }
  | {
      readonly kind: "query";
      readonly model: string;
      /** Whose question it is. */
      readonly client: string;
      /** Without its pictures. */
      readonly question: EngineQuery;
      readonly pictures?: StoredPictures | undefined;
    }
  | { readonly kind: "describe"; readonly model: string }
  /** Does this worker have room for one more job? If so, it keeps a slot for the job for a second. */
  | { readonly kind: "offer"; readonly model: string; readonly jobId: string };

/** Asks the worker with an id which process it is. */
export interface IdentityQuestion {
  readonly kind: "identify";
}

export type WorkerAnswer =
  /** `size` is null if the engine did not answer in time. */
  | { readonly kind: "preflight"; readonly size: PromptSize | null }
  | { readonly kind: "query"; readonly result: EngineQueryResult }
  | { readonly kind: "describe"; readonly description: ModelDescription }
  | { readonly kind: "offer"; readonly taken: boolean }
  | { readonly kind: "identity"; readonly instance: string }
  /** This worker has unloaded the model. Another worker may have it loaded. */
  | { readonly kind: "not_loaded" }
  | { readonly kind: "failed"; readonly failure: JobFailure };

/**
 * Why a job ends early: what its client reads as `cancelled_by`. `gateway`: its gateway ended it with an error, which readers at other gateways do not
 * get. `orphaned`: its gateway was silent for too long.
 */
export type EndedBy = CancelledBy | "gateway" | "orphaned";

/** Questions to a gateway. */
export type GatewayQuestion =
  /** End this job of a session; answered when it has ended. */
  { readonly kind: "end"; readonly client: string; readonly jobId: string; readonly by: CancelledBy };

export type GatewayAnswer = { readonly kind: "ended" } | { readonly kind: "failed"; readonly failure: JobFailure };

/** A client's job, as another gateway needs it for a takeover. The record exists from the job's acceptance on, and reserves the job's id. */
export interface JobRecord {
  readonly version: typeof fleetVersion;
  /** The client's id, `stream_id`. */
  readonly id: string;
  /** The gateway that has the job now. */
  readonly gateway: GatewayProcessId;
  /** The gateway that accepted the job. The job's sequences are published under this gateway's id. */
  readonly origin: GatewayProcessId;
  /** Complete while the job waits, later without the parts that only the engine needs. Always without pictures. */
  readonly spec: JobSpec;
  /** The pictures of the spec's work. */
  readonly pictures?: StoredPictures | undefined;
  /** The broker's time of the job's acceptance, in milliseconds since 1970, from which its deadline counts; undefined while it was not known. */
  readonly acceptedAt?: number | undefined;
  /** Whether the job's sequences are not in the fleet's queue yet. */
  readonly waits: boolean;
  /** The common part of the ids of the job's tool calls. */
  readonly callKey: string;
  /** The ids of the job's sequences in the fleet, in order. */
  readonly fleetIds: readonly string[];
}

/** A stored record and its revision. */
export interface FoundRecord {
  readonly record: JobRecord;
  /** An update must name the record's present revision, and gives the record a new revision. */
  readonly revision: number;
}

export interface SessionRecord {
  readonly gateway: GatewayProcessId;
  /** The client's id of the session's live job. */
  readonly jobId: string;
  /** The broker's time of the job's acceptance, in milliseconds since 1970: the newest job has the session. Undefined while it is not known. */
  readonly acceptedAt?: number | undefined;
}

/** Bytes from which messages are compressed. Compression of shorter ones saves too little. */
const compressFrom = 16_384;
/** Bytes whose compression takes longer than a millisecond, in which a gateway streams nothing. */
const offThreadFrom = 131_072;
const gzipOffThread = promisify(gzip);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** The first byte of gzip data (RFC 1952). No JSON text begins with this byte. */
const gzipMagic = 0x1f;

export function encode(value: unknown): Uint8Array {
  return compressed(encoder.encode(JSON.stringify(value)));
}

/** As `encode`, but a long message is compressed on another thread. */
export async function encodeOffThread(value: unknown): Promise<Uint8Array> {
  const bytes = encoder.encode(JSON.stringify(value));
  if (bytes.length >= offThreadFrom) return await gzipOffThread(bytes, { level: 1 });
  return compressed(bytes);
}

function compressed(bytes: Uint8Array): Uint8Array {
  return bytes.length < compressFrom ? bytes : gzipSync(bytes, { level: 1 });
}

/** Maximum number of bytes of a decompressed message. */
const mostBytes = 256 * 1024 * 1024;

/** Returns undefined for bytes that are not from a member of our version. */
export function decodeOwn<T extends { readonly version: typeof fleetVersion }>(bytes: Uint8Array): T | undefined {
  try {
    const value = decode<T | null>(bytes);
    return value?.version === fleetVersion ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @throws Error for bytes that are not from a member */
export function decode<T>(bytes: Uint8Array): T {
  const plain = bytes[0] === gzipMagic ? gunzipSync(bytes, { maxOutputLength: mostBytes }) : bytes;
  return JSON.parse(decoder.decode(plain)) as T;
}
