// Owns the routes of a worker's models as functions.
import {
  ModelEventSchema,
  modelRoutes,
  type DownloadStopped,
  type Downloads,
  type KeepAlive,
  type ModelDeleted,
  type ModelEvent,
  type ModelStatus,
  type ModelStatuses,
} from "@waggle/protocol";
import type { AnyRoute, CallOptions, Http } from "./http.ts";
import { streamOf, type StreamShape } from "./stream.ts";

/** Time limit of unload, pin and delete. An unload waits for the model's jobs, which may be long. */
const changeTimeoutMs = 600_000;

/**
 * Calls fail with the same errors as the calls of WorkerClient. Each iteration of a stream sends a request, yields progress, and completes after a
 * `done` or `error` event. If the consumer leaves the loop, the change continues; `stopDownload` stops a pull.
 */
export interface ModelCalls {
  list(options?: CallOptions): Promise<ModelStatuses>;
  load(request: { readonly model: string; readonly keepAlive?: KeepAlive }, options?: CallOptions): ModelEvents;
  /** Resolves once the model's jobs have ended; the time limit is ten minutes. */
  unload(model: string, options?: CallOptions): Promise<ModelStatus>;
  pin(model: string, pinned: boolean, options?: CallOptions): Promise<ModelStatus>;
  /** @param request `reference`: a file in the models folder, the name of one of the worker's models, or a reference to download */
  swap(
    request: { readonly model: string; readonly reference: string; readonly unloadFirst?: boolean },
    options?: CallOptions,
  ): ModelEvents;
  /** @param request `projector`: whether the projector with which the model reads pictures is downloaded too; by default true */
  pull(
    request: { readonly reference: string; readonly name?: string; readonly projector?: boolean },
    options?: CallOptions,
  ): ModelEvents;
  downloads(options?: CallOptions): Promise<Downloads>;
  /** Stops a download, also for other clients. The part that is here is kept. */
  stopDownload(reference: string, options?: CallOptions): Promise<DownloadStopped>;
  delete(model: string, options?: CallOptions): Promise<ModelDeleted>;
}

type ModelEvents = AsyncIterable<ModelEvent>;

const shape: StreamShape<ModelEvent> = {
  schema: ModelEventSchema,
  isLast: ({ type }) => type === "done" || type === "error",
};

export function createModelCalls(http: Http): ModelCalls {
  function stream(route: AnyRoute, body: object, call: CallOptions | undefined): ModelEvents {
    return streamOf(http, route, { body, ...call }, shape);
  }

  return {
    list: (call) => http.json(modelRoutes.modelStatuses, call),
    load: ({ model, keepAlive }, call) => stream(modelRoutes.loadModel, { model, keep_alive: keepAlive }, call),
    unload: (model, call) =>
      http.json(modelRoutes.unloadModel, { body: { model }, timeoutMs: changeTimeoutMs, ...call }),
    pin: (model, pinned, call) =>
      http.json(modelRoutes.pinModel, { body: { model, pinned }, timeoutMs: changeTimeoutMs, ...call }),
    swap: ({ model, reference, unloadFirst }, call) =>
      stream(modelRoutes.swapModel, { model, reference, unload_first: unloadFirst }, call),
    pull: (request, call) => stream(modelRoutes.pullModel, request, call),
    downloads: (call) => http.json(modelRoutes.downloads, call),
    stopDownload: (reference, call) => http.json(modelRoutes.stopDownload, { params: { id: reference }, ...call }),
    delete: (model, call) =>
      http.json(modelRoutes.deleteModel, { params: { id: model }, timeoutMs: changeTimeoutMs, ...call }),
  };
}
