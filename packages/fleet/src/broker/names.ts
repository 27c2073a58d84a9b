// Defines the names at the broker: topics, queues and keys.
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { fleetVersion, type Ability, type JobQueue } from "../queue/records.ts";

/** Encodes any text as one word of a topic or a key, with letters, digits, `-` and `_` only. */
function toToken(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url") || "_";
}

export function fromToken(token: string): string {
  return token === "_" ? "" : Buffer.from(token, "base64url").toString("utf8");
}

export const topics = {
  allJobs: "waggle.jobs.>",
  allEvents: "waggle.events.>",
  allPictures: "waggle.pictures.>",
  /** A job for any worker that serves its model. */
  job: (model: string, queue: JobQueue, jobId: string) => `waggle.jobs.${toToken(model)}.${queue}.${jobId}`,
  jobsOf: (model: string, queue: JobQueue) => `waggle.jobs.${toToken(model)}.${queue}.*`,
  /** A job for one worker, which keeps a slot for the job; for any one worker, if it is undefined. */
  jobAt: (model: string, worker: string | undefined, jobId: string) =>
    `waggle.jobs.${toToken(model)}.at.${worker === undefined ? "*" : toToken(worker)}.${jobId}`,
  jobsAt: (worker: string) => `waggle.jobs.*.at.${toToken(worker)}.*`,
  events: (gateway: GatewayProcessId, jobId: string) => `waggle.events.${toToken(gateway)}.${jobId}`,
  eventsOf: (gateway: GatewayProcessId) => `waggle.events.${toToken(gateway)}.*`,
  eventsOfJob: (jobId: string) => `waggle.events.*.${jobId}`,
  /** A piece of a picture, counted from 0. */
  piece: (key: string, sha256: string, index: number) => `waggle.pictures.${key}.${sha256}.${index}`,
  /** All pictures of one job or question. */
  pictures: (key: string) => `waggle.pictures.${key}.>`,
  /** Hints that the queue has jobs of this model. */
  hint: (model: string) => `waggle.hints.${toToken(model)}`,
  /** Hints that the queue has jobs for this worker. */
  hintAt: (worker: string) => `waggle.hints.at.${toToken(worker)}`,
  cancel: (jobId: string) => `waggle.cancels.${jobId}`,
  allCancels: "waggle.cancels.*",
  beat: (kind: "worker" | "gateway", id: string) => `waggle.beats.${kind}.${toToken(id)}`,
  beatPrefix: (kind: "worker" | "gateway") => `waggle.beats.${kind}.`,
  /** The beats that a member of this kind subscribes to. */
  beatsFor: (kind: "worker" | "gateway") => (kind === "worker" ? "waggle.beats.gateway.*" : "waggle.beats.*.*"),
  /**
   * Questions to any worker of this version that has the model loaded, or only to those with an ability. A worker unsubscribes when it unloads the
   * model.
   */
  ask: (model: string, ability?: Ability) => `waggle.ask.${toToken(`${fleetVersion} ${ability ?? "texts"} ${model}`)}`,
  /** Questions to one worker. */
  askWorker: (worker: string) => `waggle.worker.${toToken(worker)}`,
  /** Questions to one gateway. */
  askGateway: (gateway: GatewayProcessId) => `waggle.gateway.${toToken(gateway)}`,
} as const;

export const queues = {
  of: (model: string, queue: JobQueue) => `jobs-${toToken(model)}-${queue}`,
  at: (worker: string) => `at-${toToken(worker)}`,
  /** The worker that owns this queue; undefined for a queue of a model's jobs. */
  ownerOf: (name: string) => (name.startsWith("at-") ? fromToken(name.slice("at-".length)) : undefined),
} as const;

export const keys = {
  member: (kind: "worker" | "gateway", id: string) => `${kind}.${toToken(id)}`,
  session: (client: string, sessionId: string) => `${toToken(client)}.${toToken(sessionId)}`,
  job: (client: string, jobId: string) => `${toToken(client)}.${toToken(jobId)}`,
} as const;
