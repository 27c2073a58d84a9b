// Builds errors in OpenAI's shape.
import { errorKinds } from "@waggle/protocol";
import type { OpenAiError, WaggleError } from "@waggle/protocol";

/** For a prompt that is too long, adds llama-server's fields. */
export function openAiError(error: WaggleError): OpenAiError {
  const { n_prompt_tokens: promptTokens, n_ctx: contextSize, problems } = error.details ?? {};
  const tooLong = typeof promptTokens === "number" && typeof contextSize === "number";
  return {
    error: {
      message: error.message,
      type: tooLong ? "exceed_context_size_error" : errorKinds[error.code].type,
      param: firstField(problems),
      code: error.code,
      ...(tooLong ? { n_prompt_tokens: promptTokens, n_ctx: contextSize } : {}),
    },
  };
}

function firstField(problems: unknown): string | null {
  const [first] = Array.isArray(problems) ? (problems as { field?: unknown }[]) : [];
  return typeof first?.field === "string" && first.field !== "" ? first.field : null;
}
