// Owns the route table of a worker's models. In network mode the changes need a token that is marked `admin`.
import type { ErrorCode } from "../errors.ts";
import {
  LoadModelRequestSchema,
  ModelDeletedSchema,
  ModelEventSchema,
  ModelStatusSchema,
  ModelStatusesSchema,
  PinModelRequestSchema,
  PullModelRequestSchema,
  SwapModelRequestSchema,
  UnloadModelRequestSchema,
} from "./models.ts";
import type { Route } from "../openapi/routes.ts";

const changeErrors = [
  "invalid_argument",
  "forbidden",
  "not_found",
  "conflict",
  "payload_too_large",
  "resource_exhausted",
  "unavailable",
] as const satisfies readonly ErrorCode[];

const streamed = { accept: "application/x-ndjson for NDJSON." } as const;

export const modelRoutes = {
  modelStatuses: {
    method: "get",
    path: "/v1/models/status",
    summary: "All models with their state, what they take, and the budget that they share.",
    status: 200,
    response: ModelStatusesSchema,
    errors: [],
  },
  loadModel: {
    method: "post",
    path: "/v1/models/load",
    summary: "Load a model, and tell how far that is. A client that leaves does not stop it.",
    request: LoadModelRequestSchema,
    status: 200,
    stream: ModelEventSchema,
    headers: streamed,
    errors: changeErrors,
  },
  unloadModel: {
    method: "post",
    path: "/v1/models/unload",
    summary: "Unload a model once its running jobs have ended; jobs that wait for it load it again.",
    request: UnloadModelRequestSchema,
    status: 200,
    response: ModelStatusSchema,
    errors: changeErrors,
  },
  pinModel: {
    method: "post",
    path: "/v1/models/pin",
    summary: "Load a model and keep it until it is unpinned.",
    request: PinModelRequestSchema,
    status: 200,
    response: ModelStatusSchema,
    errors: changeErrors,
  },
  swapModel: {
    method: "post",
    path: "/v1/models/swap",
    summary:
      "Load another file under a model's name: new jobs go to it once it is ready, and the old one leaves when its last job ends.",
    request: SwapModelRequestSchema,
    status: 200,
    stream: ModelEventSchema,
    headers: streamed,
    errors: changeErrors,
  },
  pullModel: {
    method: "post",
    path: "/v1/models/pull",
    summary:
      "Download a model and serve it. Who asks for the same one joins; when the last one leaves, it stops and can be resumed.",
    request: PullModelRequestSchema,
    status: 200,
    stream: ModelEventSchema,
    headers: streamed,
    errors: changeErrors,
  },
  deleteModel: {
    method: "delete",
    path: "/v1/models/:id",
    summary:
      "Unload a model and delete its files, where Waggle has downloaded them; never a file that was given. An alias goes alone.",
    status: 200,
    response: ModelDeletedSchema,
    errors: changeErrors,
  },
} as const satisfies Record<string, Route>;
