// Owns asking the worker how many tokens a text has.
import type { Api } from "../../wire/api.ts";

export type CountTokens = (text: string, signal: AbortSignal) => Promise<number | undefined>;

/**
 * @param modelNow the one that is to answer, where the worker has several
 * @returns undefined where the model is not loaded, or nobody answers
 */
export function createCountTokens(api: Api, modelNow: () => string | undefined): CountTokens {
  return async (content, signal) => {
    const model = modelNow();
    try {
      const response = await api.request("/tokenize", {
        method: "POST",
        headers: { "content-type": "application/json" },
        // What looks like a control token is text in a file, as it is in a message.
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
