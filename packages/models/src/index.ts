export { hashModel, type HashModelOptions } from "./lib/hash-model.ts";
export type { PullProgress, PullStage } from "./lib/progress.ts";
export { resolveModel, type ResolveModelOptions } from "./lib/resolve-model.ts";
export { shownReference } from "./lib/shown-reference.ts";
