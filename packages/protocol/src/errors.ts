// Owns the closed list of error codes, the HTTP status of each code, and the error class. Without zod, because programs in browsers load this file.

/** Facts about an error code: `type` groups several codes, and `retryable` means that a client may send the request again. */
export interface ErrorKind {
  /** HTTP status. The status of `slow_consumer` is never sent: this error only ends streams. */
  readonly status: number;
  readonly type: string;
  readonly retryable: boolean;
}

export const errorKinds = {
  invalid_argument: { status: 400, type: "invalid_request_error", retryable: false },
  unauthenticated: { status: 401, type: "authentication_error", retryable: false },
  forbidden: { status: 403, type: "permission_error", retryable: false },
  not_found: { status: 404, type: "not_found_error", retryable: false },
  method_not_allowed: { status: 405, type: "invalid_request_error", retryable: false },
  conflict: { status: 409, type: "conflict_error", retryable: false },
  payload_too_large: { status: 413, type: "invalid_request_error", retryable: false },
  resource_exhausted: { status: 429, type: "rate_limit_error", retryable: true },
  cancelled: { status: 499, type: "cancelled_error", retryable: false },
  slow_consumer: { status: 500, type: "slow_consumer_error", retryable: false },
  deadline_exceeded: { status: 504, type: "timeout_error", retryable: true },
  unimplemented: { status: 501, type: "not_supported_error", retryable: false },
  engine_failed: { status: 502, type: "engine_error", retryable: true },
  unavailable: { status: 503, type: "unavailable_error", retryable: true },
  out_of_space: { status: 507, type: "out_of_space_error", retryable: false },
  internal: { status: 500, type: "internal_error", retryable: false },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/** When an error has this code, for the documents. */
export const errorMeanings: Readonly<Record<ErrorCode, string>> = {
  invalid_argument: "The request violates the schema or contradicts itself; the message names the field.",
  unauthenticated: "The API token is missing or wrong.",
  forbidden: "The Host or Origin header is not allowed, or the API token lacks the required right.",
  not_found: "The job, worker, model or route is unknown.",
  method_not_allowed: "The path accepts only the methods in the Allow header.",
  conflict: "The job_id or the Idempotency-Key was used with a different request.",
  payload_too_large: "The body or a picture exceeds a size limit.",
  resource_exhausted:
    "A limit is reached: the queue, the client's share of the queue, or the client's quota. Retry-After is the time until a retry, in seconds.",
  cancelled: "A newer job of the session superseded the job, or another request cancelled it.",
  slow_consumer:
    "The reader needs token events that are no longer stored; details.first_index is the oldest stored index. The job and its other readers continue.",
  deadline_exceeded:
    "The job's deadline passed or cannot be met. If it cannot be met, details.estimate_ms is the estimated time until the first token.",
  unimplemented: "The worker or its model does not support this request.",
  engine_failed: "The engine crashed or hung while it ran the job.",
  unavailable:
    "Loading failed, the worker is draining, or the engine is restarting. Retry-After is the time until a retry, in seconds.",
  out_of_space: "The files of batches have no more room on the disk, or in the client's share of it.",
  internal: "A defect in Waggle; the log has the cause under the request id.",
};

export const errorCodes = Object.keys(errorKinds) as [ErrorCode, ...ErrorCode[]];

/** The body of every native error response. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly type: string;
    /** The field that caused the error, as in OpenAI's errors. */
    readonly param: string | null;
    readonly retryable: boolean;
    readonly details?: Record<string, unknown> | undefined;
  };
}

export interface WaggleErrorOptions {
  /** Machine-readable facts for the client: field paths, limits, counts. Never a cause or a stack. */
  readonly details?: Record<string, unknown>;
  /** Seconds until a retry makes sense; becomes `Retry-After`. `unavailable` errors have a default. */
  readonly retryAfterS?: number;
  /** The underlying error. It goes to the log and is never sent to clients. */
  readonly cause?: unknown;
}

const unavailableForS = 5;

/** The only error that modules throw for other modules; any other thrown value becomes `internal`. */
export class WaggleError extends Error {
  override readonly name = "WaggleError";
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorCode, message: string, options: WaggleErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
    this.retryAfterS = options.retryAfterS ?? (code === "unavailable" ? unavailableForS : undefined);
  }

  /** Returns a WaggleError unchanged; any other value becomes `internal`, with a message that reveals no details to the client. */
  static from(thrown: unknown): WaggleError {
    if (thrown instanceof WaggleError) return thrown;
    return new WaggleError("internal", "Something went wrong inside the daemon; its log has the cause.", {
      cause: thrown,
    });
  }

  get status(): number {
    return errorKinds[this.code].status;
  }

  /** Milliseconds until a retry makes sense. */
  get retryAfterMs(): number | undefined {
    return this.retryAfterS === undefined ? undefined : this.retryAfterS * 1_000;
  }

  get retryable(): boolean {
    return errorKinds[this.code].retryable;
  }

  toBody(): ErrorBody {
    const { type, retryable } = errorKinds[this.code];
    return {
      error: {
        code: this.code,
        message: this.message,
        type,
        param: fieldOf(this),
        retryable,
        ...(this.details === undefined ? {} : { details: this.details }),
      },
    };
  }
}

/** The error for a field of a request that cannot be accepted. @param problem what is wrong, as the end of a sentence */
export function refuseField(field: string, problem: string, cause?: unknown): WaggleError {
  const why = problem.replace(/\.$/, "");
  return new WaggleError("invalid_argument", `Cannot accept field "${field}": ${why}.`, {
    details: { problems: [{ field, problem: why }] },
    cause,
  });
}

/** The first field that the error blames. */
export function fieldOf({ details }: Pick<WaggleError, "details">): string | null {
  const { problems } = details ?? {};
  const [first] = Array.isArray(problems) ? (problems as { field?: unknown }[]) : [];
  return typeof first?.field === "string" && first.field !== "" ? first.field : null;
}

/** A WaggleError as plain data, for messages between processes. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: Record<string, unknown>;
}

/** The failure that a client sees. A client sees only messages of a WaggleError; other messages stay in the log. */
export function failureOf(thrown: unknown): Failure {
  const { code, message, details } = WaggleError.from(thrown);
  return { code, message, ...(details === undefined ? {} : { details }) };
}

/** The token counts of an error about a text that is too long for the model. Each dialect puts them into the words that its clients search for. */
export function overflowOf({
  details = {},
}: Pick<WaggleError, "details">): { readonly promptTokens: number; readonly contextSize: number } | undefined {
  const { n_prompt_tokens: promptTokens, n_ctx: contextSize } = details;
  return typeof promptTokens === "number" && typeof contextSize === "number"
    ? { promptTokens, contextSize }
    : undefined;
}

export function failureError({
  code,
  message,
  details,
}: Omit<Failure, "details"> & { readonly details?: Failure["details"] | undefined }): WaggleError {
  return new WaggleError(code, message, details === undefined ? {} : { details });
}
