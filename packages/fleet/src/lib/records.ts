// Owns the shapes of what passes over NATS, and their bytes: JSON, compressed where it is long. Who reads them has the same version, or says so.
import { gunzipSync, gzipSync } from "node:zlib";
import type {
  BackendInfo,
  EngineJob,
  EngineQuery,
  EngineQueryResult,
  JobEvent,
  JobFailure,
  SaidTokens,
} from "@waggle/engine";
import type { JobScope, JobSpec, PromptSize } from "@waggle/jobs";
import type { Heartbeat, ModelStatus, WorkerInfo } from "@waggle/protocol";

/** Of every shape here; a member that speaks another one is not listened to. */
export const fleetVersion = 1;

/** In which order workers take jobs: by the sign of their priority. */
export const jobClasses = ["high", "normal", "low"] as const;
export type JobClass = (typeof jobClasses)[number];

export function classOf(priority: number): JobClass {
  return priority > 0 ? "high" : priority < 0 ? "low" : "normal";
}

/** One sequence of a client's job, as it lies in the queue: a job of its own to whoever runs it. */
export interface FleetJob {
  readonly version: typeof fleetVersion;
  /** Unique in the fleet, and a token of a subject. */
  readonly id: string;
  /** The gateway that took it in; its events have that gateway's subject for good, whoever reads them. */
  readonly gateway: string;
  /** What its client calls the job that it belongs to. */
  readonly clientJob: { readonly client: string; readonly id: string };
  readonly model: string;
  /** With one choice, a seed, and no session of its own: the gateway keeps order among the jobs of a session. */
  readonly spec: JobSpec;
  /** What becomes of an answer that has begun when its worker is lost. */
  readonly onWorkerLoss: "resume" | "error";
  /** How long it goes on without a gateway that reads it, in milliseconds; null: to its end. */
  readonly orphanMs: number | null;
}

/** What a worker serves a model from. SHA-256 as 64 hexadecimal digits; null while it is not known, or where there is none. */
export interface FleetModelFile {
  readonly modelSha256: string | null;
  readonly templateSha256: string | null;
  /** The name of the file, without its folder. */
  readonly modelFile: string | null;
}

/** What lies in the events stream on a job's subject, in order. `attempt` is that of the fence before it. */
export type EventRecord =
  /** A worker takes the job over: from here on nobody else's records are taken. */
  | ({ readonly kind: "fence"; readonly attempt: string; readonly worker: string } & FleetModelFile)
  /** What its engine has told, in order; the last one may be the job's end. `serial` counts this attempt's records from 0. */
  | { readonly kind: "events"; readonly attempt: string; readonly serial: number; readonly events: readonly JobEvent[] }
  /** An engine died under it; `silentDeaths`: so many in a row, none of which had told anything new. */
  | { readonly kind: "engine_lost"; readonly attempt: string; readonly serial: number; readonly silentDeaths: number }
  /** All that the job has told so far, again, and from which file: records before this one, the fence too, may be too old to be there. */
  | ({
      readonly kind: "said";
      readonly attempt: string;
      readonly serial: number;
      readonly said: SaidTokens;
      /** The worker has given the job back: it was not lost with it. */
      readonly left?: true;
    } & FleetModelFile);

/** The heartbeat of a worker, in the members' bucket. */
export interface WorkerMember {
  readonly version: typeof fleetVersion;
  readonly kind: "worker";
  readonly id: string;
  /** What the hive is told as well. */
  readonly heartbeat: Heartbeat;
  /** Draining ones take nothing new. */
  readonly takesJobs: boolean;
  readonly models: readonly MemberModel[];
}

export interface MemberModel extends FleetModelFile {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly isDefault: boolean;
  /** Loaded, and takes jobs now. */
  readonly ready: boolean;
  readonly slots: number;
  /** Changes when anything does that `describe` tells. */
  readonly revision: number;
}

export interface GatewayMember {
  readonly version: typeof fleetVersion;
  readonly kind: "gateway";
  readonly id: string;
  readonly url: string;
  readonly startedAt: string;
  readonly jobs: number;
  /** Of them those that are not in the fleet yet: there are more than slots. */
  readonly waiting?: number;
}

export type Member = WorkerMember | GatewayMember;

/** What a gateway has to know of a model before it can serve it. */
export interface ModelDescription extends FleetModelFile {
  readonly revision: number;
  readonly info: WorkerInfo;
  readonly status: ModelStatus;
  /** Of a model that is loaded. */
  readonly engine: Pick<BackendInfo, "chatFormat" | "promptTexts" | "slots" | "contextSize"> | null;
}

/** Questions to a worker that has the model loaded. */
export type WorkerQuestion =
  | { readonly kind: "preflight"; readonly model: string; readonly job: EngineJob }
  | { readonly kind: "query"; readonly model: string; readonly question: EngineQuery }
  | { readonly kind: "describe"; readonly model: string }
  /** Does this very worker have room for one more job? It keeps a slot for the job for a second. */
  | { readonly kind: "offer"; readonly model: string; readonly jobId: string };

export type WorkerAnswer =
  /** `size` is null where the engine did not answer in time. */
  | { readonly kind: "preflight"; readonly size: PromptSize | null }
  | { readonly kind: "query"; readonly result: EngineQueryResult }
  | { readonly kind: "describe"; readonly description: ModelDescription }
  | { readonly kind: "offer"; readonly taken: boolean }
  /** This worker has unloaded the model: another one may have it loaded. */
  | { readonly kind: "not_loaded" }
  | { readonly kind: "failed"; readonly failure: JobFailure };

/** Why a session's job is to end: another one has come, or its client has had enough. */
export type EndedBy = "superseded" | "client";

/** Questions to a gateway. */
export type GatewayQuestion =
  /** End this job of a session; answered when it is over. */
  { readonly kind: "end"; readonly client: string; readonly jobId: string; readonly by: EndedBy };

export type GatewayAnswer = { readonly kind: "ended" } | { readonly kind: "failed"; readonly failure: JobFailure };

/** The job of a client as another gateway needs it to go on with it. It exists from the job's acceptance on, and reserves the job's name. */
export interface JobRecord {
  readonly version: typeof fleetVersion;
  /** The client's name for it, `stream_id`. */
  readonly id: string;
  /** The gateway that it belongs to now. */
  readonly gateway: string;
  /** The gateway that accepted it: its sequences are published under that one's name. */
  readonly origin: string;
  readonly scope: JobScope;
  /** Of a job that waits, all of it; later without what only the engine needed. */
  readonly spec: JobSpec;
  /** Its sequences are not in the fleet's queue yet. */
  readonly waits: boolean;
  /** What the ids of its tool calls have in common. */
  readonly callKey: string;
  /** Of its sequences, in their order. */
  readonly fleetIds: readonly string[];
}

/** A record as it was found. */
export interface FoundRecord {
  readonly record: JobRecord;
  /** An update names it; each changes it. */
  readonly revision: number;
}

export interface SessionRecord {
  readonly gateway: string;
  /** The client's name for the session's live job. */
  readonly jobId: string;
}

/** Shorter ones are not worth it. */
const compressFrom = 16_384;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** What gzip's files begin with (RFC 1952); no JSON does. */
const gzipMagic = 0x1f;

export function encode(value: unknown): Uint8Array {
  const bytes = encoder.encode(JSON.stringify(value));
  return bytes.length < compressFrom ? bytes : gzipSync(bytes, { level: 1 });
}

/** Most bytes that a message may come to once it is unpacked. */
const mostBytes = 256 * 1024 * 1024;

/** @throws Error for what no member of a fleet has written */
export function decode<T>(bytes: Uint8Array): T {
  const plain = bytes[0] === gzipMagic ? gunzipSync(bytes, { maxOutputLength: mostBytes }) : bytes;
  return JSON.parse(decoder.decode(plain)) as T;
}
