// spawn
export * from "./processes/daemon.ts";
export * from "./processes/fleet.ts";
export * from "./processes/gateway.ts";
export * from "./processes/leftovers.ts";
export * from "./processes/log.ts";
export * from "./processes/nats.ts";
export * from "./processes/process-group.ts";
export * from "./processes/processes.ts";
export * from "./processes/repository.ts";
export * from "./processes/signals.ts";
export * from "./processes/worker.ts";
// wait
export * from "./arrivals.ts";
export * from "./wait.ts";
// stream
export * from "./streams/answer-stream.ts";
export * from "./streams/http.ts";
export * from "./streams/live-stream.ts";
export * from "./streams/realness.ts";
export * from "./streams/dialects.ts";
export * from "./streams/stream-rules.ts";
export * from "./streams/unread.ts";
// load
export * from "./figures/load.ts";
export * from "./figures/prompt-length.ts";
export * from "./processes/usage.ts";
// judge
export * from "./streams/facts.ts";
export * from "./processes/machine-speed.ts";
export * from "./message-of.ts";
export * from "./figures/metrics.ts";
export * from "./figures/statistics.ts";
export * from "./figures/tables.ts";
// random
export * from "./figures/random.ts";
// command line
export * from "./command-line/command-line.ts";
export * from "./command-line/options.ts";
export * from "./command-line/progress-line.ts";
