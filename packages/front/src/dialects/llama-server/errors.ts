// Builds errors in llama-server's shape, whose code is the HTTP status.
import { errorKinds } from "@waggle/protocol";
import type { LlamaServerError, WaggleError } from "@waggle/protocol";

export function llamaServerError({ code, status, message, details }: WaggleError): LlamaServerError {
  const { n_prompt_tokens: promptTokens, n_ctx: contextSize } = details ?? {};
  if (typeof promptTokens === "number" && typeof contextSize === "number") {
    const type = "exceed_context_size_error";
    return { error: { code: status, message, type, n_prompt_tokens: promptTokens, n_ctx: contextSize } };
  }
  return { error: { code: status, message, type: errorKinds[code].type } };
}
