export { createAdmissionQueue } from "./admission-queue.ts";
export type { AdmissionQueue, AdmissionQueueOptions, Offer, QueueKey } from "./admission-queue.ts";
export * from "./session-registry.ts";
