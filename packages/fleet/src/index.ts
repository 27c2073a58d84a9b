export { openConnection, type ConnectionOptions, type FleetConnection } from "./lib/connection.ts";
export type { RecordFollower } from "./lib/event-feed.ts";
export type { GatewaySide } from "./lib/gateway-port.ts";
export { createGatewaySide, type GatewaySideOptions } from "./lib/gateway-side.ts";
export { memberIntervalMs } from "./lib/heartbeats.ts";
export { createMembers, type Members } from "./lib/members.ts";
export * from "./lib/records.ts";
export type { RunnableModel, WorkerPort } from "./lib/worker-port.ts";
export { createWorkerSide, type WorkerSide } from "./lib/worker-side.ts";
