export { createAdmissionQueue } from "./lib/admission-queue.ts";
export type { AdmissionQueue, AdmissionQueueOptions, Offer, QueueKey } from "./lib/admission-queue.ts";
export * from "./lib/session-registry.ts";
