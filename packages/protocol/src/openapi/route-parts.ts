// Owns what the route tables share: the function that makes a row, error codes and headers.
import type { ErrorCode } from "../errors.ts";
import type { Route } from "./routes.ts";

type RowFacts = Omit<Route, "method" | "path">;

/** Makes a row of a route table. Its type has the row's values, and a misspelled field is an error. */
export function route<M extends Route["method"], P extends string, const R extends RowFacts>(
  method: M,
  path: P,
  facts: R & Readonly<Record<Exclude<keyof R, keyof RowFacts>, never>>,
): { readonly method: M; readonly path: P } & R {
  return { method, path, ...facts };
}

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
