// Builds the error in a failed response.
import type { WaggleError } from "@waggle/protocol";
import { openAiError } from "../openai/errors.ts";

const failureCodes: ReadonlySet<string> = new Set(["context_length_exceeded", "rate_limit_exceeded"]);

export function responseErrorOf(error: WaggleError): { readonly code: string; readonly message: string } {
  const { code } = openAiError(error).error;
  if (failureCodes.has(code)) return { code, message: withRetryTime(error) };
  return { code: error.code === "invalid_argument" ? "invalid_prompt" : "server_error", message: error.message };
}

/** Codex reads the time until its retry from the message. */
function withRetryTime({ message, retryAfterS }: WaggleError): string {
  return retryAfterS === undefined ? message : `${message} Please try again in ${retryAfterS}s.`;
}
