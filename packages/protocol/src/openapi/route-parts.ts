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

/** Header of every route that starts a job. */
export const retryHeader = {
  "idempotency-key":
    "Key chosen by the client. A request with the key and body of an earlier request joins the earlier job, and its response has Idempotent-Replayed: true. Each worker and gateway knows only its own keys; set job_id to have one job across the gateways of a fleet.",
} as const;

export const generationHeaders = {
  "x-session-id": "Id of a session. A session has one stream at a time: a new request supersedes the old one.",
  ...retryHeader,
} as const;
