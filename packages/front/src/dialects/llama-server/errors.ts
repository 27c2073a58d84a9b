// Builds errors in llama-server's shape, whose code is the HTTP status.
import { errorKinds, overflowOf } from "@waggle/protocol";
import type { LlamaServerError, WaggleError } from "@waggle/protocol";

/** Clients of llama-server search for its words, and read both counts from the message or the fields. */
export function llamaServerError(error: WaggleError): LlamaServerError {
  const { code, status } = error;
  const overflow = overflowOf(error);
  if (overflow === undefined) return { error: { code: status, message: error.message, type: errorKinds[code].type } };
  const { promptTokens, contextSize } = overflow;
  const message = `request (${promptTokens} tokens) exceeds the available context size (${contextSize} tokens), try increasing it`;
  const type = "exceed_context_size_error";
  return { error: { code: status, message, type, n_prompt_tokens: promptTokens, n_ctx: contextSize } };
}
