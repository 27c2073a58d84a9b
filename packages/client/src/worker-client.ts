// Owns the worker's routes as functions. The protocol package has their schemas; http.ts and stream.ts send the requests.
import {
  LoadingEventSchema,
  StreamEventSchema,
  logRoutes,
  usageRoutes,
  workerRoutes,
  type GenerateRequestInput,
  type Health,
  type JobAccepted,
  type JobList,
  type JobStatus,
  type LoadingEvent,
  type LogLine,
  type LogLines,
  type Readiness,
  type SessionCancelled,
  type SlotStatus,
  type StreamEvent,
  type UsageReport,
  type WorkerInfo,
} from "@waggle/protocol";
import { createBatchCalls, type BatchCalls } from "./batch-calls.ts";
import { createHttp, type CallOptions, type ClientOptions, type JsonRoute } from "./http.ts";
import { createModelCalls, type ModelCalls } from "./model-calls.ts";
import { streamOf, type StreamShape } from "./stream.ts";

/** Jobs or log lines of the past. */
export interface PastQuery {
  /** A job's id, or its beginning and `…`. */
  readonly job?: string | undefined;
  readonly client?: string | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export interface LogLinesQuery extends PastQuery {
  readonly lines?: number | undefined;
  readonly after?: number | undefined;
  readonly level?: LogLine["level"] | undefined;
}

/**
 * Failed calls reject with a WaggleError: the error that the worker sent, or `unavailable` when the worker cannot be reached in time.
 *
 * Each iteration of a stream sends a request, yields every event, and completes after an `end` or `error` event. A stream that ends otherwise throws
 * BrokenStreamError. Leaving the loop aborts the request at once.
 */
export interface WorkerClient {
  createJob(request: GenerateRequestInput, options?: CallOptions): Promise<JobAccepted>;
  /** @param options `after`: index of the last token event that the client has. Completes without an event when no events follow it. */
  streamJob(jobId: string, options?: CallOptions & { readonly after?: number | undefined }): AsyncIterable<StreamEvent>;
  inference(request: GenerateRequestInput, options?: CallOptions): AsyncIterable<StreamEvent>;
  job(jobId: string, options?: CallOptions): Promise<JobStatus>;
  /** @param options `client`: the name of the job's API token, if it is another token */
  cancelJob(jobId: string, options?: CallOptions & { readonly client?: string | undefined }): Promise<JobStatus>;
  /** The running and waiting jobs that the token may see; with `ended`, also the last ended ones, or those that `PastQuery` describes. */
  jobs(options?: CallOptions & PastQuery & { readonly ended?: boolean }): Promise<JobList>;
  usage(options?: CallOptions): Promise<UsageReport>;
  /** The server takes no new jobs, finishes the running ones, and exits. */
  drain(options?: CallOptions): Promise<Readiness>;
  /** The newest log lines with a higher `seq` than `after`; needs an admin token. */
  logs(options?: CallOptions & LogLinesQuery): Promise<LogLines>;
  cancelSession(sessionId: string, options?: CallOptions): Promise<SessionCancelled>;
  /** Asks typed questions in the form of OpenAI's Decisions API, and resolves with the body of the response. */
  decide(request: object, options?: CallOptions): Promise<unknown>;
  info(options?: CallOptions): Promise<WorkerInfo>;
  slots(options?: CallOptions): Promise<SlotStatus[]>;
  /** Also resolves when the worker is not ready and the status is 503. */
  health(options?: CallOptions): Promise<Health>;
  /** Also resolves when the worker is not ready and the status is 503. */
  ready(options?: CallOptions): Promise<Readiness>;
  /** Prometheus text. */
  metrics(options?: CallOptions): Promise<string>;
  /** Completes after `ready` or `failed`. */
  loading(options?: CallOptions): AsyncIterable<LoadingEvent>;
  readonly models: ModelCalls;
  readonly batches: BatchCalls;
}

/** @throws WaggleError invalid_argument when the base URL cannot be used */
export function createWorkerClient(options: ClientOptions): WorkerClient {
  const http = createHttp(options);

  return {
    createJob: (body, call) => http.json(workerRoutes.createJob, { body, ...call }),
    job: (id, call) => http.json(workerRoutes.getJob, { params: { id }, ...call }),
    cancelJob: (id, { client, signal } = {}) =>
      http.json(workerRoutes.cancelJob, { params: { id }, query: { client }, signal }),
    jobs: ({ ended, signal, ...query } = {}) =>
      http.json(workerRoutes.listJobs, { query: { ended: ended === true ? "true" : undefined, ...query }, signal }),
    drain: (call) => http.json(workerRoutes.drain, call),
    usage: (call) => http.json(usageRoutes.usage, call),
    logs: ({ signal, ...query } = {}) => http.json(logRoutes.logs, { query, signal }),
    cancelSession: (id, call) => http.json(workerRoutes.cancelSession, { params: { id }, ...call }),
    decide: (body, call) => http.json(decisions, { body, timeoutMs: fetchTimeoutMs, ...call }),
    info: (call) => http.json(workerRoutes.info, call),
    slots: async (call) => (await http.json(workerRoutes.slots, call)).slots,
    health: (call) => http.json(workerRoutes.health, { answers: [503], ...call }),
    ready: (call) => http.json(workerRoutes.readyz, { answers: [503], ...call }),
    metrics: (call) => http.text(workerRoutes.metrics, { accept: "text/plain", ...call }),
    streamJob: (id, { after, signal } = {}) =>
      streamOf(http, workerRoutes.streamJob, { params: { id }, query: { after }, signal }, generation),
    inference: (body, call) => streamOf(http, workerRoutes.inference, { body, ...call }, generation),
    loading: (call = {}) => streamOf(http, workerRoutes.loadingProgress, call, loading),
    models: createModelCalls(http),
    batches: createBatchCalls(http),
  };
}

const decisions: JsonRoute<unknown> = {
  ...{ method: "post", path: "/v1/decisions" },
  response: { safeParse: (data) => ({ success: true, data }) },
};
/** Node's fetch waits at most this long for the headers of a response. */
const fetchTimeoutMs = 300_000;

const generation: StreamShape<StreamEvent> = {
  schema: StreamEventSchema,
  // After an error the worker destroys the connection.
  isLast: ({ type }) => type === "end" || type === "error",
};

const loading: StreamShape<LoadingEvent> = {
  schema: LoadingEventSchema,
  isLast: ({ type }) => type !== "loading",
};
