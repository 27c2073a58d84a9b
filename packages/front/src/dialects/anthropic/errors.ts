// Builds errors in Anthropic's shape. Types after Anthropic's API reference (Errors).
import { overflowOf } from "@waggle/protocol";
import type { AnthropicError, ErrorCode, WaggleError } from "@waggle/protocol";

const types: Readonly<Record<ErrorCode, string>> = {
  invalid_argument: "invalid_request_error",
  unauthenticated: "authentication_error",
  forbidden: "permission_error",
  not_found: "not_found_error",
  method_not_allowed: "invalid_request_error",
  conflict: "invalid_request_error",
  payload_too_large: "request_too_large",
  resource_exhausted: "rate_limit_error",
  cancelled: "api_error",
  slow_consumer: "api_error",
  deadline_exceeded: "timeout_error",
  engine_failed: "api_error",
  unimplemented: "invalid_request_error",
  unavailable: "overloaded_error",
  out_of_space: "api_error",
  internal: "api_error",
};

export function anthropicError(error: WaggleError, requestId: string): AnthropicError {
  return {
    type: "error",
    error: { type: types[error.code], message: anthropicMessage(error) },
    request_id: requestId,
  };
}

/** Claude Code searches for exactly these words, and then shortens its conversation. */
function anthropicMessage(error: WaggleError): string {
  const overflow = overflowOf(error);
  if (overflow === undefined) return error.message;
  return `prompt is too long: ${overflow.promptTokens} tokens > ${overflow.contextSize - 1} maximum`;
}
