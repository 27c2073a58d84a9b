// Owns OpenAI's error shape, and the type of each error.
import { errorKinds } from "@waggle/protocol";
import type { WaggleError } from "@waggle/protocol";

export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    /** Of a prompt that is too long, as llama-server has them. */
    readonly n_prompt_tokens?: number;
    readonly n_ctx?: number;
  };
}

export function openAiError(error: WaggleError): OpenAiErrorBody {
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
