// Owns the native route table as data for servers, clients, the protocol page and the OpenAPI document.
import { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import { retryHeader, route } from "./route-parts.ts";
import { StreamEventSchema } from "../native/events.ts";
import { GenerateRequestSchema } from "../native/generate.ts";
import { timeQuery } from "../native/logs.ts";
import {
  FaultSchema,
  HeartbeatAnswerSchema,
  HeartbeatSchema,
  HiveEventSchema,
  HiveWorkerSchema,
  HiveWorkersSchema,
  RegistrationSchema,
} from "../native/hive.ts";
import {
  endedJobsLimit,
  endedQueryLimit,
  JobAcceptedSchema,
  JobListSchema,
  JobStatusSchema,
  SessionCancelledSchema,
} from "../native/jobs.ts";
import {
  HealthSchema,
  LivenessSchema,
  LoadingEventSchema,
  ReadinessSchema,
  SlotsSchema,
  WorkerInfoSchema,
} from "../native/worker.ts";

export interface Route {
  readonly method: "get" | "post" | "put" | "delete";
  /** The path; parameters are written as `:name`. */
  readonly path: string;
  readonly summary: string;
  /** The route needs no token and accepts any Host and Origin, for probes from any machine. */
  readonly open?: true;
  readonly request?: z.ZodType;
  /** The status of a successful response; default: 200. */
  readonly status?: 201 | 202 | 204;
  readonly response?: z.ZodType;
  /** The schema of the stream's events. The stream is SSE unless `streamType` is set. */
  readonly stream?: z.ZodType;
  readonly streamType?: "application/x-ndjson";
  readonly contentType?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The error codes of the route, without the codes of the access checks. */
  readonly errors?: readonly ErrorCode[];
}

const submitErrors = [
  "invalid_argument",
  "conflict",
  "payload_too_large",
  "resource_exhausted",
  "unavailable",
  "deadline_exceeded",
] as const satisfies readonly ErrorCode[];

export const workerRoutes = {
  createJob: route("post", "/v1/jobs", {
    summary: "Create a job and answer at once. The job's stream is a separate request.",
    request: GenerateRequestSchema,
    status: 202,
    response: JobAcceptedSchema,
    headers: retryHeader,
    errors: submitErrors,
  }),
  listJobs: route("get", "/v1/jobs", {
    summary: "Running and waiting jobs: your own, or all jobs with an admin or monitor token.",
    response: JobListSchema,
    query: {
      ended: `Also list the last ${endedJobsLimit} ended jobs of all clients that you may see.`,
      job: `With ended: only the job with this id. This parameter and the next ones also read the disk, up to ${endedQueryLimit} jobs.`,
      client: "With ended: only the jobs of this client.",
      ...timeQuery,
    },
    errors: ["invalid_argument", "resource_exhausted"],
  }),
  streamJob: route("get", "/v1/jobs/:id/stream", {
    summary:
      "The job's stream, for any number of readers. Resumes after a token index; the status is 204 if no event follows.",
    stream: StreamEventSchema,
    query: { after: "Resume after this token index; an integer from -1." },
    headers: {
      "last-event-id": "The token index to resume after. Browsers' EventSource sends this header when it reconnects.",
      accept: "application/x-ndjson for NDJSON.",
    },
    errors: ["invalid_argument", "not_found", "resource_exhausted"],
  }),
  getJob: route("get", "/v1/jobs/:id", {
    summary: "State, position, usage and timings of a job.",
    response: JobStatusSchema,
    errors: ["not_found"],
  }),
  cancelJob: route("delete", "/v1/jobs/:id", {
    summary:
      "Cancel one of your jobs, or any job with an admin token. Idempotent: for an ended job, the response is its state.",
    response: JobStatusSchema,
    query: {
      client:
        "Name of the API token that submitted the job, as in GET /v1/jobs. A name other than your own needs an admin token.",
    },
    errors: ["not_found"],
  }),
  inference: route("post", "/v1/inference", {
    summary: "Create a job and answer with its stream.",
    request: GenerateRequestSchema,
    stream: StreamEventSchema,
    headers: { accept: "application/x-ndjson for NDJSON.", ...retryHeader },
    errors: submitErrors,
  }),
  cancelSession: route("delete", "/v1/sessions/:id", {
    summary: "Cancel the session's job, for a Stop button.",
    response: SessionCancelledSchema,
    errors: ["invalid_argument"],
  }),
  info: route("get", "/v1/info", { summary: "The worker's identity, model and settings.", response: WorkerInfoSchema }),
  slots: route("get", "/v1/slots", { summary: "The slots and their jobs.", response: SlotsSchema }),
  loadingProgress: route("get", "/v1/loading/progress", {
    summary: "Loading progress from 0 to 1, then ready or failed.",
    stream: LoadingEventSchema,
    errors: ["resource_exhausted"],
  }),
  drain: route("post", "/v1/drain", {
    summary: "Take no new jobs, finish the running ones, and exit. Needs an admin token. Idempotent.",
    status: 202,
    response: ReadinessSchema,
    errors: ["forbidden"],
  }),
  livez: route("get", "/livez", {
    summary: "Whether the process is alive; 503 after a failure without recovery.",
    open: true,
    response: LivenessSchema,
  }),
  readyz: route("get", "/readyz", {
    summary:
      "Whether the model is loaded and jobs run; otherwise 503 with a reason. A full queue does not affect readiness.",
    open: true,
    response: ReadinessSchema,
  }),
  health: route("get", "/health", {
    summary: "Liveness and readiness together, with slots and queue; 503 while not ready.",
    open: true,
    response: HealthSchema,
  }),
  metrics: route("get", "/metrics", {
    summary: "Metrics in Prometheus' text format.",
    contentType: "text/plain; version=0.0.4",
  }),
  openapi: route("get", "/openapi.json", {
    summary: "This API as an OpenAPI 3.1 document.",
    contentType: "application/json",
  }),
};

export const hiveRoutes = {
  register: route("put", "/v1/workers/:id", {
    summary: "Register a worker. Idempotent.",
    request: RegistrationSchema,
    response: HiveWorkerSchema,
    errors: ["invalid_argument", "payload_too_large", "resource_exhausted"],
  }),
  heartbeat: route("post", "/v1/heartbeat", {
    summary: "Report that a worker is alive. 404 means that the worker must register again.",
    request: HeartbeatSchema,
    response: HeartbeatAnswerSchema,
    errors: ["invalid_argument", "not_found", "payload_too_large"],
  }),
  deregister: route("delete", "/v1/workers/:id", {
    summary: "Deregister a worker that shuts down.",
    status: 204,
    errors: ["not_found"],
  }),
  workers: route("get", "/v1/workers", {
    summary: "All registered workers, with their liveness.",
    response: HiveWorkersSchema,
  }),
  worker: route("get", "/v1/workers/:id", {
    summary: "One worker, with its liveness.",
    response: HiveWorkerSchema,
    errors: ["not_found"],
  }),
  drain: route("post", "/v1/workers/:id/drain", {
    summary:
      "Drain a worker: it accepts no new jobs, finishes its running jobs, and exits. The worker receives the command with its next heartbeat.",
    status: 202,
    response: HiveWorkerSchema,
    errors: ["forbidden", "not_found", "conflict"],
  }),
  remove: route("post", "/v1/workers/:id/remove", {
    summary: "Remove a gone worker from the list.",
    status: 204,
    errors: ["forbidden", "not_found", "conflict"],
  }),
  heartbeatStream: route("get", "/v1/heartbeats/stream", {
    summary: "A snapshot, then registrations, heartbeats and changes of liveness as they happen.",
    stream: HiveEventSchema,
    errors: ["resource_exhausted"],
  }),
  getFault: route("get", "/v1/faults", {
    summary: "The current fault. Needs a hive with --faults.",
    response: FaultSchema,
    errors: ["not_found"],
  }),
  setFault: route("put", "/v1/faults", {
    summary: "Set the fault for workers' requests: refuse, delay, drop, 500, forget, none. Needs a hive with --faults.",
    request: FaultSchema,
    response: FaultSchema,
    errors: ["invalid_argument", "forbidden", "not_found"],
  }),
  livez: route("get", "/livez", {
    summary: "Whether the hive is alive.",
    open: true,
    response: z.object({ live: z.boolean() }),
  }),
};

/** Fills the `:name` parameters of a route's path, percent-encoded. */
export function routePath(route: Pick<Route, "path">, params: Readonly<Record<string, string>> = {}): string {
  return route.path.replace(/:([a-z_]+)/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined) throw new TypeError(`Route ${route.path} needs the parameter ${name}`);
    return encodeURIComponent(value);
  });
}
