// Builds errors in Ollama's shape.
import type { WaggleError } from "@waggle/protocol";

export interface OllamaErrorBody {
  readonly error: string;
}

export function ollamaError({ message, details = {} }: WaggleError): OllamaErrorBody {
  const tooLong = typeof details["n_prompt_tokens"] === "number" && typeof details["n_ctx"] === "number";
  // Ollama's clients search for these words.
  return { error: tooLong ? `the input length exceeds the context length: ${message}` : message };
}
