// spawn
export * from "./lib/daemon.ts";
export * from "./lib/gateway.ts";
export * from "./lib/leftovers.ts";
export * from "./lib/log.ts";
export * from "./lib/nats.ts";
export * from "./lib/process-group.ts";
export * from "./lib/processes.ts";
export * from "./lib/repository.ts";
export * from "./lib/worker.ts";
// wait
export * from "./lib/arrivals.ts";
export * from "./lib/wait.ts";
// stream
export * from "./lib/answer-stream.ts";
export * from "./lib/http.ts";
export * from "./lib/live-stream.ts";
export * from "./lib/realness.ts";
export * from "./lib/stream-dialects.ts";
export * from "./lib/stream-rules.ts";
export * from "./lib/unread.ts";
// load
export * from "./lib/dialects.ts";
export * from "./lib/load.ts";
export * from "./lib/prompt-length.ts";
export * from "./lib/usage.ts";
// judge
export * from "./lib/facts.ts";
export * from "./lib/machine-speed.ts";
export * from "./lib/message-of.ts";
export * from "./lib/metrics.ts";
export * from "./lib/statistics.ts";
export * from "./lib/tables.ts";
// random
export * from "./lib/random.ts";
// compare
export { askCase } from "./lib/llama-server/ask-case.ts";
export { caseContextSize, caseSlots, type LlamaServerCase } from "./lib/llama-server/cases.ts";
export { completionCases } from "./lib/llama-server/completion-cases.ts";
export { infillCases } from "./lib/llama-server/infill-cases.ts";
export { serverCases } from "./lib/llama-server/server-cases.ts";
export { differencesOf, type Difference } from "./lib/llama-server/differences.ts";
export { problemsOf, type Leaves } from "./lib/llama-server/expectations.ts";
