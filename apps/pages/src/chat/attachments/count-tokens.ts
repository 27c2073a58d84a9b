// Owns counting a text's tokens at the worker.
import type { Api } from "../../wire/api.ts";

export type CountTokens = (text: string, signal: AbortSignal) => Promise<number | undefined>;

/**
 * @param modelNow returns the model that will answer, at a worker with several models
 * @returns undefined if the model is not loaded, or the worker does not answer
 */
export function createCountTokens(api: Api, modelNow: () => string | undefined): CountTokens {
  return async (content, signal) => {
    const model = modelNow();
    try {
      const response = await api.request("/tokenize", {
        method: "POST",
        // As in a message, text that looks like a control token is ordinary text.
        body: JSON.stringify({ content, parse_special: false, ...(model === undefined ? {} : { model }) }),
        signal,
      });
      if (!response.ok) return undefined;
      const { tokens } = (await response.json()) as { tokens: readonly unknown[] };
      return tokens.length;
    } catch {
      return undefined;
    }
  };
}
