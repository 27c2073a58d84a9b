export * from "./lib/dispatcher.ts";
export * from "./lib/job.ts";
export * from "./lib/job-spec.ts";
export * from "./lib/lifecycle.ts";
export * from "./lib/new-job.ts";
export * from "./lib/reader.ts";
export * from "./lib/registry.ts";
export * from "./lib/summaries.ts";
