export { openConnection, type ConnectionOptions, type FleetConnection } from "./nats/connection.ts";
export type { RecordListener } from "./events/event-feed.ts";
export type { GatewaySide } from "./gateway/gateway-port.ts";
export { createGatewaySide, type GatewaySideOptions } from "./gateway/gateway-side.ts";
export { memberIntervalMs } from "./members/heartbeats.ts";
export { createMembers, type Members } from "./members/members.ts";
export * from "./queue/records.ts";
export type { RunnableModel, WorkerPort } from "./worker/worker-port.ts";
export { createWorkerSide, type WorkerSide } from "./worker/worker-side.ts";
