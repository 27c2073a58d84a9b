// Owns the error codes and headers that several route tables share.
import type { ErrorCode } from "../errors.ts";

/** Error codes of routes that run a job. */
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

/** Error codes of routes that query the model without a job. */
export const queryErrors = [
  "invalid_argument",
  "payload_too_large",
  "resource_exhausted",
  "unavailable",
] as const satisfies readonly ErrorCode[];

/** The retry header of every route that begins a job. */
export const retryHeader = {
  "idempotency-key":
    "Of the client's choice: a request with the key and the body of an earlier one joins its job, and is answered with Idempotent-Replayed: true. Known to the worker or gateway that had the earlier one alone: what has to be one job at all gateways of a fleet has a job_id.",
} as const;

export const generationHeaders = {
  "x-session-id": "One stream at a time for each; a new request supersedes the old one.",
  ...retryHeader,
} as const;
