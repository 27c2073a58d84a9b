// Owns what the route tables of the foreign dialects have in common.
import type { ErrorCode } from "./errors.ts";

/** Of a route that is answered by a job. */
export const jobErrors = [
  "invalid_argument",
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

export const sessionHeader = {
  "x-session-id": "One stream at a time for each; a new request supersedes the old one.",
} as const;
