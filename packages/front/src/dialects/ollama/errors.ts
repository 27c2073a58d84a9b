// Builds errors in Ollama's shape.
import type { OllamaError, WaggleError } from "@waggle/protocol";

export function ollamaError({ message, details = {} }: WaggleError): OllamaError {
  const tooLong = typeof details["n_prompt_tokens"] === "number" && typeof details["n_ctx"] === "number";
  // Ollama's clients search for these words.
  return { error: tooLong ? `the input length exceeds the context length: ${message}` : message };
}
