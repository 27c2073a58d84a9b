// Builds errors in OpenAI's shape, with the codes that its clients search for.
import { errorKinds, fieldOf, overflowOf } from "@waggle/protocol";
import type { ErrorCode, OpenAiError, WaggleError } from "@waggle/protocol";

/** OpenAI's names of codes. The other codes are Waggle's own. */
const codes: Partial<Readonly<Record<ErrorCode, string>>> = {
  unauthenticated: "invalid_api_key",
  resource_exhausted: "rate_limit_exceeded",
};

/** For a text that is too long, adds llama-server's fields. */
export function openAiError(error: WaggleError): OpenAiError {
  const overflow = overflowOf(error);
  const param = fieldOf(error);
  return {
    error: {
      message: error.message,
      type: overflow === undefined ? errorKinds[error.code].type : "exceed_context_size_error",
      param,
      code: openAiCode(error.code, overflow !== undefined, param),
      ...(overflow === undefined ? {} : { n_prompt_tokens: overflow.promptTokens, n_ctx: overflow.contextSize }),
    },
  };
}

function openAiCode(code: ErrorCode, isOverflow: boolean, param: string | null): string {
  if (isOverflow) return "context_length_exceeded";
  if (code === "not_found" && param === "model") return "model_not_found";
  if (code === "not_found" && param === "previous_response_id") return "previous_response_not_found";
  return codes[code] ?? code;
}
