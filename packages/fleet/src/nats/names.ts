// Defines the names on NATS: streams, subjects, consumers, buckets, keys. Needs NATS server 2.9, and no feature of a later version.
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { fleetVersion, type JobQueue } from "../queue/records.ts";

/** Jobs that wait for a worker or run on one. The stream is a work queue: a job is deleted when its end is acknowledged. */
export const jobsStream = "WAGGLE_JOBS";
/** The records of the jobs, with one subject for each job. */
export const eventsStream = "WAGGLE_EVENTS";
/** The pictures of jobs and questions, with one subject for each piece of a picture. */
export const picturesStream = "WAGGLE_PICTURES";

export const buckets = {
  /** Heartbeats of workers and gateways. */
  members: "waggle_members",
  /** Cancelled jobs. */
  cancels: "waggle_cancels",
  /** The live job of each session. */
  sessions: "waggle_sessions",
  /** Job records, with which another gateway takes a job over. */
  jobs: "waggle_jobs",
} as const;

/** Encodes any text as one token of a subject or a key, with letters, digits, `-` and `_` only. */
function toSubjectToken(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url") || "_";
}

export function fromSubjectToken(token: string): string {
  return token === "_" ? "" : Buffer.from(token, "base64url").toString("utf8");
}

export const subjects = {
  allJobs: "waggle.jobs.>",
  allEvents: "waggle.events.>",
  allPictures: "waggle.pictures.>",
  /** A job for any worker that serves its model. */
  job: (model: string, queue: JobQueue, jobId: string) => `waggle.jobs.${toSubjectToken(model)}.${queue}.${jobId}`,
  jobsOf: (model: string, queue: JobQueue) => `waggle.jobs.${toSubjectToken(model)}.${queue}.*`,
  /** A job for one worker. That worker keeps a slot for the job. */
  jobAt: (model: string, worker: string, jobId: string) =>
    `waggle.jobs.${toSubjectToken(model)}.at.${toSubjectToken(worker)}.${jobId}`,
  jobsAt: (worker: string) => `waggle.jobs.*.at.${toSubjectToken(worker)}.*`,
  events: (gateway: GatewayProcessId, jobId: string) => `waggle.events.${toSubjectToken(gateway)}.${jobId}`,
  eventsOf: (gateway: GatewayProcessId) => `waggle.events.${toSubjectToken(gateway)}.*`,
  eventsOfJob: (jobId: string) => `waggle.events.*.${jobId}`,
  /** A piece of a picture, counted from 0. */
  piece: (key: string, sha256: string, index: number) => `waggle.pictures.${key}.${sha256}.${index}`,
  /** All pictures of one job or question. */
  pictures: (key: string) => `waggle.pictures.${key}.>`,
  /** Hints that the queue has jobs of this model. */
  hint: (model: string) => `waggle.hints.${toSubjectToken(model)}`,
  /** Hints that the queue has jobs for this worker. */
  hintAt: (worker: string) => `waggle.hints.at.${toSubjectToken(worker)}`,
  cancel: (jobId: string) => `waggle.cancels.${jobId}`,
  allCancels: "waggle.cancels.*",
  beat: (kind: "worker" | "gateway", id: string) => `waggle.beats.${kind}.${toSubjectToken(id)}`,
  beatPrefix: (kind: "worker" | "gateway") => `waggle.beats.${kind}.`,
  /** The beats that a member of this kind subscribes to. */
  beatsFor: (kind: "worker" | "gateway") => (kind === "worker" ? "waggle.beats.gateway.*" : "waggle.beats.*.*"),
  /**
   * Questions to any worker of this version that has the model loaded, or only to those whose model reads pictures. A worker unsubscribes when it
   * unloads the model.
   */
  ask: (model: string, readsPictures = false) =>
    `waggle.ask.${toSubjectToken(`${fleetVersion} ${readsPictures ? "pictures" : "texts"} ${model}`)}`,
  /** Questions to one worker. */
  askWorker: (worker: string) => `waggle.worker.${toSubjectToken(worker)}`,
  /** Questions to one gateway. */
  askGateway: (gateway: GatewayProcessId) => `waggle.gateway.${toSubjectToken(gateway)}`,
} as const;

export const consumers = {
  of: (model: string, queue: JobQueue) => `jobs-${toSubjectToken(model)}-${queue}`,
  at: (worker: string) => `at-${toSubjectToken(worker)}`,
  /** The worker that owns this consumer; undefined for a consumer of a model's jobs. */
  ownerOf: (name: string) => (name.startsWith("at-") ? fromSubjectToken(name.slice("at-".length)) : undefined),
} as const;

export const keys = {
  member: (kind: "worker" | "gateway", id: string) => `${kind}.${toSubjectToken(id)}`,
  session: (client: string, sessionId: string) => `${toSubjectToken(client)}.${toSubjectToken(sessionId)}`,
  job: (client: string, jobId: string) => `${toSubjectToken(client)}.${toSubjectToken(jobId)}`,
} as const;
