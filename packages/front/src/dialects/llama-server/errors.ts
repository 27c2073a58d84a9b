// Builds errors in llama-server's shape, whose code is the HTTP status.
import { errorKinds } from "@waggle/protocol";
import type { WaggleError } from "@waggle/protocol";

export interface LlamaServerErrorBody {
  readonly error: {
    readonly code: number;
    readonly message: string;
    readonly type: string;
    /** Of a prompt that is too long. */
    readonly n_prompt_tokens?: number;
    readonly n_ctx?: number;
  };
}

export function llamaServerError({ code, status, message, details }: WaggleError): LlamaServerErrorBody {
  const { n_prompt_tokens: promptTokens, n_ctx: contextSize } = details ?? {};
  if (typeof promptTokens === "number" && typeof contextSize === "number") {
    const type = "exceed_context_size_error";
    return { error: { code: status, message, type, n_prompt_tokens: promptTokens, n_ctx: contextSize } };
  }
  return { error: { code: status, message, type: errorKinds[code].type } };
}
