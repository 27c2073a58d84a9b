// Builds errors of the Responses API: OpenAI's shape, with the codes for which clients search.
import type { OpenAiError, WaggleError } from "@waggle/protocol";
import { openAiError } from "../openai/errors.ts";

export function responsesErrorBody(error: WaggleError): OpenAiError {
  const body = openAiError(error).error;
  return { error: { ...body, code: codeOf(error, body.param) } };
}

/** The error in a failed response. */
export function responseErrorOf(error: WaggleError): { readonly code: string; readonly message: string } {
  const code = codeOf(error, null);
  if (failureCodes.has(code)) return { code, message: withRetryTime(error) };
  return { code: error.code === "invalid_argument" ? "invalid_prompt" : "server_error", message: error.message };
}

const failureCodes: ReadonlySet<string> = new Set(["context_length_exceeded", "rate_limit_exceeded"]);

function codeOf({ code, details }: WaggleError, param: string | null): string {
  if (typeof details?.["n_prompt_tokens"] === "number") return "context_length_exceeded";
  if (code === "resource_exhausted") return "rate_limit_exceeded";
  if (code === "not_found" && param === "previous_response_id") return "previous_response_not_found";
  return code;
}

/** Codex reads the time until its retry from the message. */
function withRetryTime({ message, retryAfterS }: WaggleError): string {
  return retryAfterS === undefined ? message : `${message} Please try again in ${retryAfterS}s.`;
}
