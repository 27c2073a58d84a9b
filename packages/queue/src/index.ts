export { createAdmissionQueue } from "./admission-queue.ts";
export type { AdmissionQueue, AdmissionQueueOptions, QueueKey, QueueLimit } from "./admission-queue.ts";
export * from "./session-registry.ts";
