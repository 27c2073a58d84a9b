// Sends a completion with OpenAI's client, and records its text and its end.
import { fleetModel, messageOf } from "@waggle/testing/harness";
import OpenAI from "openai";

export interface Wanted {
  readonly prompt: string;
  readonly maxTokens: number;
  /** The fake backend's model by default. */
  readonly model?: string;
  /** Whether to learn where tokens were nearly equally likely. */
  readonly ties?: boolean;
}

/** A range of characters. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Completion {
  readonly text: string;
  /**
   * Where a token's closest rival was within rounding: the characters of the token and of the next one, because the rival may begin with the
   * same characters. Empty unless asked for.
   */
  readonly ties: readonly Range[];
  /** The finish reason; undefined if the stream broke. */
  readonly finish: string | undefined;
  readonly error: string | undefined;
  /** Times at which text arrived; by `performance.now()`. */
  readonly arrivals: readonly number[];
}

/** Largest difference of two logprobs that rounding can turn round. */
const rounding = 0.05;

/** By default the client does not retry, so that lost requests are noticed. */
export function clientOf(url: string, maxRetries = 0): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries, timeout: 600_000 });
}

export async function ask(client: OpenAI, wanted: Wanted): Promise<Completion> {
  const { prompt, maxTokens, model = fleetModel } = wanted;
  let text = "";
  const starts: number[] = [];
  const tied: number[] = [];
  let finish: string | undefined;
  let error: string | undefined;
  const arrivals: number[] = [];
  try {
    // A real model must produce all tokens: a shorter answer proves less.
    const real = model === fleetModel ? {} : { ignore_eos: true };
    const more = wanted.ties === true ? { ...real, logprobs: 2 } : real;
    const body = { model, prompt, max_tokens: maxTokens, temperature: 0, stream: true as const, ...more };
    const stream = await client.completions.create(body);
    for await (const { choices } of stream) {
      const [choice] = choices;
      if (choice === undefined) continue;
      if (choice.text !== "") arrivals.push(performance.now());
      for (const top of choice.logprobs?.top_logprobs ?? []) if (isTie(Object.values(top))) tied.push(starts.length);
      starts.push(text.length);
      text += choice.text;
      finish = choice.finish_reason ?? finish;
    }
  } catch (thrown) {
    error = messageOf(thrown);
  }
  const ties = tied.map((i) => ({ from: starts[i] ?? 0, to: starts[i + 2] ?? text.length }));
  return { text, ties, finish, error, arrivals };
}

function isTie(logprobs: readonly number[]): boolean {
  const [best = 0, next = -Infinity] = logprobs.toSorted((a, b) => b - a);
  return best - next < rounding;
}

/** Different prompts, whose answers differ from the first token on. */
export function promptsOf(count: number, seed: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `Request ${i} of run ${seed}: what do the bees say?`);
}
