// Owns counting a text's tokens at the worker.
import { readJson, type Api } from "../../wire/api.ts";

export type CountTokens = (text: string, signal: AbortSignal) => Promise<number | undefined>;

/**
 * @param modelNow returns the model that will answer, at a worker with several models
 * @returns undefined if the model is not loaded, or the worker does not answer
 */
export function createCountTokens(api: Api, modelNow: () => string | undefined): CountTokens {
  return async (content, signal) => {
    const model = modelNow();
    // As in a message, text that looks like a control token is ordinary text.
    const body = JSON.stringify({ content, parse_special: false, ...(model === undefined ? {} : { model }) });
    const init = { method: "POST", body, signal };
    return (await readJson<{ readonly tokens: readonly unknown[] }>(api, "/tokenize", init))?.tokens.length;
  };
}
