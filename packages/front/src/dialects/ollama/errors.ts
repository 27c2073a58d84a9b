// Builds errors in Ollama's shape.
import { overflowOf } from "@waggle/protocol";
import type { OllamaError, WaggleError } from "@waggle/protocol";

export function ollamaError(error: WaggleError): OllamaError {
  const { message } = error;
  // Ollama's clients search for these words.
  return {
    error: overflowOf(error) === undefined ? message : `the input length exceeds the context length: ${message}`,
  };
}
