// Owns asking through OpenAI's client: what each request received, and how it ended.
import { fleetModel, messageOf } from "@waggle/testing/harness";
import OpenAI from "openai";

export interface Wanted {
  readonly prompt: string;
  readonly maxTokens: number;
  /** The fake backend's by default. */
  readonly model?: string;
}

export interface Told {
  readonly text: string;
  /** Undefined where it has not ended as it should. */
  readonly finish: string | undefined;
  readonly error: string | undefined;
  readonly sentAt: number;
  readonly endedAt: number;
  /** Times at which text came. */
  readonly arrivals: readonly number[];
}

/** No retry of the client's own: a request that is lost is to be seen. */
export function clientOf(url: string, maxRetries = 0): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries, timeout: 600_000 });
}

export async function ask(
  client: OpenAI,
  { prompt, maxTokens, model = fleetModel }: Wanted,
  signal?: AbortSignal,
): Promise<Told> {
  const sentAt = performance.now();
  let text = "";
  let finish: string | undefined;
  let error: string | undefined;
  const arrivals: number[] = [];
  try {
    // To the last token: an answer that ends early proves less.
    const more = model === fleetModel ? {} : { ignore_eos: true };
    const body = { model, prompt, max_tokens: maxTokens, temperature: 0, stream: true as const, ...more };
    const stream = await client.completions.create(body, signal === undefined ? {} : { signal });
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
  return { text, finish, error, sentAt, endedAt: performance.now(), arrivals };
}

/** Different ones, whose answers differ from the first token on. */
export function promptsOf(count: number, seed: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `Request ${i} of run ${seed}: what do the bees say?`);
}
