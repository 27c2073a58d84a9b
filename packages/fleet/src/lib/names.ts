// Owns what everything is called on NATS: streams, subjects, consumers, buckets, keys. Only what server 2.9 has.
import type { JobClass } from "./records.ts";

/** Jobs that wait for a worker or run on one; a work queue, so each leaves it when it is acknowledged. */
export const jobsStream = "WAGGLE_JOBS";
/** What the jobs have said, a subject for each. */
export const eventsStream = "WAGGLE_EVENTS";

export const buckets = {
  /** Heartbeats of workers and gateways. */
  members: "waggle_members",
  /** Jobs that are to end, whoever has them. */
  cancels: "waggle_cancels",
  /** The live job of each session. */
  sessions: "waggle_sessions",
  /** What another gateway needs to go on with a job. */
  jobs: "waggle_jobs",
} as const;

/** Any text as a token of a subject or a key: letters, digits, `-` and `_`. */
function tokenOf(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url") || "_";
}

export function textOf(token: string): string {
  return token === "_" ? "" : Buffer.from(token, "base64url").toString("utf8");
}

export const subjects = {
  allJobs: "waggle.jobs.>",
  allEvents: "waggle.events.>",
  /** A job for whoever serves its model. */
  job: (model: string, jobClass: JobClass, jobId: string) => `waggle.jobs.${tokenOf(model)}.${jobClass}.${jobId}`,
  jobsOf: (model: string, jobClass: JobClass) => `waggle.jobs.${tokenOf(model)}.${jobClass}.*`,
  /** A job for one worker, which has said that it has room. */
  jobAt: (model: string, worker: string, jobId: string) =>
    `waggle.jobs.${tokenOf(model)}.at.${tokenOf(worker)}.${jobId}`,
  jobsAt: (worker: string) => `waggle.jobs.*.at.${tokenOf(worker)}.*`,
  events: (gateway: string, jobId: string) => `waggle.events.${tokenOf(gateway)}.${jobId}`,
  eventsOf: (gateway: string) => `waggle.events.${tokenOf(gateway)}.*`,
  eventsOfJob: (jobId: string) => `waggle.events.*.${jobId}`,
  /** Something of this model is in the queue. */
  hint: (model: string) => `waggle.hints.${tokenOf(model)}`,
  /** Something for this worker is. */
  hintAt: (worker: string) => `waggle.hints.at.${tokenOf(worker)}`,
  cancel: (jobId: string) => `waggle.cancels.${jobId}`,
  allCancels: "waggle.cancels.*",
  beat: (kind: "worker" | "gateway", id: string) => `waggle.beats.${kind}.${tokenOf(id)}`,
  /** The beats that a member of this kind hears. */
  beatsFor: (kind: "worker" | "gateway") => (kind === "worker" ? "waggle.beats.gateway.*" : "waggle.beats.*.*"),
  /** Asked of any worker that has the model loaded; each leaves the subject when it unloads it. */
  ask: (model: string) => `waggle.ask.${tokenOf(model)}`,
  /** Asked of one worker. */
  askWorker: (worker: string) => `waggle.worker.${tokenOf(worker)}`,
  /** Asked of one gateway. */
  askGateway: (gateway: string) => `waggle.gateway.${tokenOf(gateway)}`,
} as const;

export const consumers = {
  of: (model: string, jobClass: JobClass) => `jobs-${tokenOf(model)}-${jobClass}`,
  at: (worker: string) => `at-${tokenOf(worker)}`,
  /** Undefined for those of models. */
  ownerOf: (name: string) => (name.startsWith("at-") ? textOf(name.slice("at-".length)) : undefined),
} as const;

export const keys = {
  member: (kind: "worker" | "gateway", id: string) => `${kind}.${tokenOf(id)}`,
  session: (client: string, sessionId: string) => `${tokenOf(client)}.${tokenOf(sessionId)}`,
  job: (client: string, jobId: string) => `${tokenOf(client)}.${tokenOf(jobId)}`,
} as const;
