// Owns what several route tables have in common.
import type { ErrorCode } from "./errors.ts";

/** Of a route that is answered by a job. */
export const jobErrors = [
  "invalid_argument",
  "conflict",
  "payload_too_large",
  "resource_exhausted",
  "cancelled",
  "engine_failed",
  "unavailable",
  "deadline_exceeded",
] as const satisfies readonly ErrorCode[];

/** Of a route that asks the model something and brings no job. */
export const queryErrors = [
  "invalid_argument",
  "payload_too_large",
  "resource_exhausted",
  "unavailable",
] as const satisfies readonly ErrorCode[];

/** Of every route that begins a job. */
export const retryHeader = {
  "idempotency-key":
    "Of the client's choice: a request with the key and the body of an earlier one joins its job, and is answered with Idempotent-Replayed: true. Known to the worker or gateway that had the earlier one alone: what has to be one job at all gateways of a fleet has a job_id.",
} as const;

export const generationHeaders = {
  "x-session-id": "One stream at a time for each; a new request supersedes the old one.",
  ...retryHeader,
} as const;
