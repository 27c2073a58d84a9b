// Owns the closed list of error codes, the HTTP status of each code, and the one body of all errors.
import { z } from "zod";

/** One row of the error table: HTTP status, the `type` clients group by, and whether the same request may be sent again. */
export interface ErrorKind {
  /** HTTP status; `slow_consumer` only ever ends a stream, so its status is never sent. */
  readonly status: number;
  readonly type: string;
  readonly retryable: boolean;
  readonly when: string;
}

export const errorKinds = {
  invalid_argument: {
    status: 400,
    type: "invalid_request_error",
    retryable: false,
    when: "The request breaks the schema or makes no sense; the message names the field.",
  },
  unauthenticated: {
    status: 401,
    type: "authentication_error",
    retryable: false,
    when: "No API token, or a wrong one.",
  },
  forbidden: {
    status: 403,
    type: "permission_error",
    retryable: false,
    when: "The Host or Origin header names a place that does not belong here, or the API token lacks the right.",
  },
  not_found: {
    status: 404,
    type: "not_found_error",
    retryable: false,
    when: "The job, worker, model or route is unknown.",
  },
  method_not_allowed: {
    status: 405,
    type: "invalid_request_error",
    retryable: false,
    when: "The path is there and takes other methods; Allow names them. In Ollama's dialect; elsewhere it is not_found.",
  },
  conflict: {
    status: 409,
    type: "conflict_error",
    retryable: false,
    when: "The job_id or the Idempotency-Key was used with a different request.",
  },
  payload_too_large: {
    status: 413,
    type: "invalid_request_error",
    retryable: false,
    when: "The body is over the limit.",
  },
  resource_exhausted: {
    status: 429,
    type: "rate_limit_error",
    retryable: true,
    when: "The queue, or this client's share of it, is full; Retry-After says when to come back.",
  },
  cancelled: {
    status: 499,
    type: "cancelled_error",
    retryable: false,
    when: "The job was superseded or cancelled by somebody else.",
  },
  slow_consumer: {
    status: 500,
    type: "slow_consumer_error",
    retryable: false,
    when: "This reader needs token events that are no longer held; details.first_index is the oldest that is. Other readers and the job are not affected.",
  },
  deadline_exceeded: {
    status: 504,
    type: "timeout_error",
    retryable: true,
    when: "The job's own deadline passed, or cannot be met: details.estimate_ms is then when its first token was to be expected.",
  },
  unimplemented: {
    status: 501,
    type: "not_supported_error",
    retryable: false,
    when: "This worker, or the model that it serves, cannot do it at all.",
  },
  engine_failed: {
    status: 502,
    type: "engine_error",
    retryable: true,
    when: "The engine died or hung under this job.",
  },
  unavailable: {
    status: 503,
    type: "unavailable_error",
    retryable: true,
    when: "Loading failed, the worker is draining, or the engine is restarting; Retry-After says when to come back.",
  },
  internal: {
    status: 500,
    type: "internal_error",
    retryable: false,
    when: "A defect of ours; the cause is in the log under the request id.",
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

export const errorCodes = Object.keys(errorKinds) as [ErrorCode, ...ErrorCode[]];

export const ErrorCodeSchema = z.enum(errorCodes);

/** The body of every answer with a status other than 2xx, in the native dialect. */
export const ErrorBodySchema = z
  .object({
    error: z.object({
      code: ErrorCodeSchema,
      message: z.string().describe("What failed and why; names the field if one is at fault."),
      type: z.string(),
      retryable: z.boolean(),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  })
  .meta({ id: "Error" });
export type ErrorBody = z.infer<typeof ErrorBodySchema>;

export interface WaggleErrorOptions {
  /** Machine-readable facts for the client: field paths, limits, counts. Never a cause or a stack. */
  readonly details?: Record<string, unknown>;
  /** Seconds until a retry makes sense; becomes `Retry-After`. */
  readonly retryAfterS?: number;
  /** The underlying error. It goes to the log and is never sent to clients. */
  readonly cause?: unknown;
}

/** The only error class that crosses module borders; anything else that is thrown becomes `internal`. */
export class WaggleError extends Error {
  override readonly name = "WaggleError";
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorCode, message: string, options: WaggleErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
    this.retryAfterS = options.retryAfterS;
  }

  /** Returns a WaggleError unchanged; anything else becomes `internal`, with a message that reveals no details to the client. */
  static from(thrown: unknown): WaggleError {
    if (thrown instanceof WaggleError) return thrown;
    return new WaggleError("internal", "Something went wrong inside the daemon; its log has the cause.", {
      cause: thrown,
    });
  }

  get status(): number {
    return errorKinds[this.code].status;
  }

  get retryable(): boolean {
    return errorKinds[this.code].retryable;
  }

  /** The wire shape: `{error: {code, message, type, retryable, details?}}`. */
  toBody(): ErrorBody {
    const { type, retryable } = errorKinds[this.code];
    return {
      error: {
        code: this.code,
        message: this.message,
        type,
        retryable,
        ...(this.details === undefined ? {} : { details: this.details }),
      },
    };
  }
}

/** A WaggleError as plain data, between processes. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Record<string, unknown>;
}

/** The failure to show to a client. Only a WaggleError's own message is shown; other messages stay in the log. */
export function failureOf(thrown: unknown): Failure {
  const { code, message, details } = WaggleError.from(thrown);
  return { code, message, ...(details === undefined ? {} : { details }) };
}

export function errorOf({
  code,
  message,
  details,
}: Omit<Failure, "details"> & { readonly details?: Failure["details"] | undefined }): WaggleError {
  return new WaggleError(code, message, details === undefined ? {} : { details });
}
