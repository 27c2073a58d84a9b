export { hashModel, type HashModelOptions } from "./lib/hash-model.ts";
export type { PullProgress, PullStage } from "./lib/progress.ts";
export { resolveModel, type ResolveModelOptions } from "./lib/resolve-model.ts";
export { shownReference } from "./lib/shown-reference.ts";
export { listHubFiles, type HubFilesOptions, type HubModelFile } from "./lib/hub-files.ts";
export { readModelHeader, type ModelHeader, type ReadModelHeaderOptions } from "./lib/read-header.ts";
export { openRemoteSource, type RemoteSourceOptions } from "./lib/remote-bytes.ts";
