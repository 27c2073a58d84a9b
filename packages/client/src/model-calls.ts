// Owns the routes of a worker's models as functions.
import {
  ModelEventSchema,
  modelRoutes,
  type KeepAlive,
  type ModelDeleted,
  type ModelEvent,
  type ModelStatus,
  type ModelStatuses,
} from "@waggle/protocol";
import type { AnyRoute, CallOptions, Http } from "./http.ts";
import { streamOf, type StreamShape } from "./stream.ts";

/** An unload waits for the model's last job, and that may be a long one. */
const changeTimeoutMs = 600_000;

/**
 * Same errors as the worker's other calls. A stream sends its request when iterated, yields progress, and completes after one done or error event;
 * leaving it ends a pull that no other client has asked for, and never a load or a swap.
 */
export interface ModelCalls {
  list(options?: CallOptions): Promise<ModelStatuses>;
  load(request: { readonly model: string; readonly keepAlive?: KeepAlive }, options?: CallOptions): ModelEvents;
  /** Resolves once its jobs have ended, within ten minutes. */
  unload(model: string, options?: CallOptions): Promise<ModelStatus>;
  pin(model: string, pinned: boolean, options?: CallOptions): Promise<ModelStatus>;
  /** @param request `reference`: a file in the models folder, a name that the worker has, or what can be downloaded */
  swap(
    request: { readonly model: string; readonly reference: string; readonly unloadFirst?: boolean },
    options?: CallOptions,
  ): ModelEvents;
  pull(request: { readonly reference: string; readonly name?: string }, options?: CallOptions): ModelEvents;
  delete(model: string, options?: CallOptions): Promise<ModelDeleted>;
}

type ModelEvents = AsyncIterable<ModelEvent>;

const shape: StreamShape<ModelEvent> = {
  schema: ModelEventSchema,
  sequelOf: ({ type }) => (type === "done" ? "done" : type === "error" ? "nothing" : "more"),
};

export function createModelCalls(http: Http): ModelCalls {
  function stream(route: AnyRoute, body: object, signal: AbortSignal | undefined): ModelEvents {
    const call = { body, accept: "text/event-stream" };
    return streamOf((lifetime) => http.open(route, { ...call, signal: lifetime }), shape, signal);
  }

  return {
    list: (call) => http.json(modelRoutes.modelStatuses, call),
    load: ({ model, keepAlive }, { signal } = {}) =>
      stream(modelRoutes.loadModel, { model, keep_alive: keepAlive }, signal),
    unload: (model, call) =>
      http.json(modelRoutes.unloadModel, { body: { model }, timeoutMs: changeTimeoutMs, ...call }),
    pin: (model, pinned, call) =>
      http.json(modelRoutes.pinModel, { body: { model, pinned }, timeoutMs: changeTimeoutMs, ...call }),
    swap: ({ model, reference, unloadFirst }, { signal } = {}) =>
      stream(modelRoutes.swapModel, { model, reference, unload_first: unloadFirst }, signal),
    pull: ({ reference, name }, { signal } = {}) => stream(modelRoutes.pullModel, { reference, name }, signal),
    delete: (model, call) =>
      http.json(modelRoutes.deleteModel, { params: { id: model }, timeoutMs: changeTimeoutMs, ...call }),
  };
}
