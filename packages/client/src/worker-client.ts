// Owns the worker's routes as functions. The protocol package has their schemas; http.ts and stream.ts send the requests.
import {
  LoadingEventSchema,
  StreamEventSchema,
  workerRoutes,
  type GenerateRequestInput,
  type Health,
  type JobAccepted,
  type JobStatus,
  type LoadingEvent,
  type Readiness,
  type SessionCancelled,
  type SlotStatus,
  type StreamEvent,
  type WorkerInfo,
} from "@waggle/protocol";
import { createHttp, type CallOptions, type ClientOptions } from "./http.ts";
import { createModelCalls, type ModelCalls } from "./model-calls.ts";
import { streamOf, type StreamShape } from "./stream.ts";

export interface WorkerClientOptions extends ClientOptions {
  /** Sent as `Authorization: Bearer`; a worker in local mode needs none. */
  readonly token?: string;
}

export interface StreamOptions extends CallOptions {
  /** Requests the stream as NDJSON instead of SSE; the events are the same. */
  readonly ndjson?: boolean;
}

export interface ResumeOptions extends StreamOptions {
  /** Resume after this token index. */
  readonly after?: number | undefined;
}

/**
 * Every call rejects with a WaggleError: the worker's own, or `unavailable` when it cannot be reached in time.
 *
 * A stream sends its request when it is iterated, again for each iteration. It yields every event, an `error` event too, and completes
 * after the terminal one; anything else that ends it throws BrokenStreamError. Leaving the loop aborts the request at once.
 */
export interface WorkerClient {
  createJob(request: GenerateRequestInput, options?: CallOptions): Promise<JobAccepted>;
  /** Completes without an event when `after` is past the job's end. */
  streamJob(jobId: string, options?: ResumeOptions): AsyncIterable<StreamEvent>;
  inference(request: GenerateRequestInput, options?: StreamOptions): AsyncIterable<StreamEvent>;
  job(jobId: string, options?: CallOptions): Promise<JobStatus>;
  cancelJob(jobId: string, options?: CallOptions): Promise<JobStatus>;
  cancelSession(sessionId: string, options?: CallOptions): Promise<SessionCancelled>;
  info(options?: CallOptions): Promise<WorkerInfo>;
  slots(options?: CallOptions): Promise<SlotStatus[]>;
  /** Also when the worker is not ready and answers 503. */
  health(options?: CallOptions): Promise<Health>;
  /** Also when the worker is not ready and answers 503. */
  ready(options?: CallOptions): Promise<Readiness>;
  /** Prometheus text. */
  metrics(options?: CallOptions): Promise<string>;
  /** Completes after `ready` or `failed`. */
  loading(options?: CallOptions): AsyncIterable<LoadingEvent>;
  readonly models: ModelCalls;
}

/** @throws WaggleError invalid_argument when the base URL cannot be used */
export function createWorkerClient(options: WorkerClientOptions): WorkerClient {
  const http = createHttp(options);

  return {
    createJob: (body, call) => http.json(workerRoutes.createJob, { body, ...call }),
    job: (id, call) => http.json(workerRoutes.getJob, { params: { id }, ...call }),
    cancelJob: (id, call) => http.json(workerRoutes.cancelJob, { params: { id }, ...call }),
    cancelSession: (id, call) => http.json(workerRoutes.cancelSession, { params: { id }, ...call }),
    info: (call) => http.json(workerRoutes.info, call),
    slots: async (call) => (await http.json(workerRoutes.slots, call)).slots,
    health: (call) => http.json(workerRoutes.health, { answers: [503], ...call }),
    ready: (call) => http.json(workerRoutes.readyz, { answers: [503], ...call }),
    metrics: (call) => http.text(workerRoutes.metrics, { accept: "text/plain", ...call }),
    streamJob: (id, { after, ndjson, signal } = {}) => {
      const call = { params: { id }, query: { after }, accept: acceptOf(ndjson) };
      const shape = { ...generation, after, ndjson: ndjson === true };
      return streamOf((lifetime) => http.open(workerRoutes.streamJob, { ...call, signal: lifetime }), shape, signal);
    },
    inference: (body, { ndjson, signal } = {}) => {
      const call = { body, accept: acceptOf(ndjson) };
      const shape = { ...generation, ndjson: ndjson === true };
      return streamOf((lifetime) => http.open(workerRoutes.inference, { ...call, signal: lifetime }), shape, signal);
    },
    loading: ({ signal } = {}) => {
      const call = { accept: acceptOf(false) };
      return streamOf(
        (lifetime) => http.open(workerRoutes.loadingProgress, { ...call, signal: lifetime }),
        loading,
        signal,
      );
    },
    models: createModelCalls(http),
  };
}

const generation: StreamShape<StreamEvent> = {
  schema: StreamEventSchema,
  // After an error the worker destroys the connection, so any data after the error is ignored.
  sequelOf: ({ type }) => (type === "end" ? "done" : type === "error" ? "nothing" : "more"),
  indexOf: (event) => (event.type === "token" ? event.index : undefined),
};

const loading: StreamShape<LoadingEvent> = {
  schema: LoadingEventSchema,
  sequelOf: ({ type }) => (type === "loading" ? "more" : "nothing"),
};

function acceptOf(ndjson: boolean | undefined): string {
  return ndjson === true ? "application/x-ndjson" : "text/event-stream";
}
