// Sends a completion with OpenAI's client, and records its text and its end.
import { fleetModel, messageOf } from "@waggle/testing/harness";
import OpenAI from "openai";

export interface Wanted {
  readonly prompt: string;
  readonly maxTokens: number;
  /** The fake backend's model by default. */
  readonly model?: string;
}

export interface Completion {
  readonly text: string;
  /** The finish reason; undefined if the stream broke. */
  readonly finish: string | undefined;
  readonly error: string | undefined;
  /** Times at which text arrived; by `performance.now()`. */
  readonly arrivals: readonly number[];
}

/** By default the client does not retry, so that lost requests are noticed. */
export function clientOf(url: string, maxRetries = 0): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries, timeout: 600_000 });
}

export async function ask(client: OpenAI, { prompt, maxTokens, model = fleetModel }: Wanted): Promise<Completion> {
  let text = "";
  let finish: string | undefined;
  let error: string | undefined;
  const arrivals: number[] = [];
  try {
    // A real model must produce all tokens: a shorter answer proves less.
    const more = model === fleetModel ? {} : { ignore_eos: true };
    const body = { model, prompt, max_tokens: maxTokens, temperature: 0, stream: true as const, ...more };
    const stream = await client.completions.create(body);
    for await (const { choices } of stream) {
      const [choice] = choices;
      if (choice === undefined) continue;
      if (choice.text !== "") arrivals.push(performance.now());
      text += choice.text;
      finish = choice.finish_reason ?? finish;
    }
  } catch (thrown) {
    error = messageOf(thrown);
  }
  return { text, finish, error, arrivals };
}

/** Different prompts, whose answers differ from the first token on. */
export function promptsOf(count: number, seed: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `Request ${i} of run ${seed}: what do the bees say?`);
}
