// Owns the route table of a worker's models. In network mode, routes that change models need an admin token.
import type { ErrorCode } from "../errors.ts";
import {
  DownloadStoppedSchema,
  DownloadsSchema,
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
import { route } from "../openapi/route-parts.ts";

const changeErrors = [
  "invalid_argument",
  "forbidden",
  "not_found",
  "conflict",
  "payload_too_large",
  "resource_exhausted",
  "unavailable",
] as const satisfies readonly ErrorCode[];

const streamed = {
  stream: ModelEventSchema,
  headers: { accept: "application/x-ndjson for NDJSON." },
  errors: changeErrors,
} as const;

export const modelRoutes = {
  modelStatuses: route("get", "/v1/models/status", {
    summary: "All models with their state and memory, and their shared budget.",
    response: ModelStatusesSchema,
  }),
  loadModel: route("post", "/v1/models/load", {
    summary: "Load a model, and stream the progress. The load continues if the client disconnects.",
    request: LoadModelRequestSchema,
    ...streamed,
  }),
  unloadModel: route("post", "/v1/models/unload", {
    summary: "Unload a model once its running jobs have ended. Waiting jobs load the model again.",
    request: UnloadModelRequestSchema,
    response: ModelStatusSchema,
    errors: changeErrors,
  }),
  pinModel: route("post", "/v1/models/pin", {
    summary: "Load a model and keep it loaded until it is unpinned.",
    request: PinModelRequestSchema,
    response: ModelStatusSchema,
    errors: changeErrors,
  }),
  swapModel: route("post", "/v1/models/swap", {
    summary:
      "Load another file under a model's name. New jobs use the new file once it is ready; the old file is unloaded after its last job.",
    request: SwapModelRequestSchema,
    ...streamed,
  }),
  pullModel: route("post", "/v1/models/pull", {
    summary:
      "Download a model and serve it, or continue an unfinished download. Requests for the same model share a download. It continues if the client disconnects, until DELETE /v1/downloads/:id stops it.",
    request: PullModelRequestSchema,
    ...streamed,
  }),
  downloads: route("get", "/v1/downloads", {
    summary: "Running, unfinished, failed and finished downloads; unfinished ones also after a restart.",
    response: DownloadsSchema,
    errors: ["forbidden"],
  }),
  stopDownload: route("delete", "/v1/downloads/:id", {
    summary:
      "Stop a running download by its reference. The arrived part stays on disk, and a pull continues; DELETE /v1/models/:id deletes it.",
    response: DownloadStoppedSchema,
    errors: changeErrors,
  }),
  deleteModel: route("delete", "/v1/models/:id", {
    summary:
      "Unload a model and delete its files; only files that Waggle downloaded can be deleted. For an alias, only the alias is removed. Also deletes an unfinished download, by its reference or name.",
    response: ModelDeletedSchema,
    errors: changeErrors,
  }),
};
