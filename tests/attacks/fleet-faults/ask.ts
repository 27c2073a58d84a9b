// Sends a completion or a conversation with OpenAI's client, and records its text and its end.
import { fleetModel, errorText } from "@waggle/testing/harness";
import OpenAI from "openai";

export interface Wanted {
  readonly prompt: string;
  readonly maxTokens: number;
  /** A picture before the prompt, as a `data:` URL. The request is then a conversation. */
  readonly picture?: string | undefined;
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

/**
 * Largest difference of two logprobs that rounding can reverse. Measured with the embedded model: reading 60 to 360 tokens of an answer as a prompt
 * changed this difference by 0.0013 in the median of 10,931 next tokens, and by 0.017 at most.
 */
const rounding = 0.02;
/** Enough to see a token's closest rival behind an end token that `ignore_eos` forbids. */
const rivals = 4;

/** By default the client does not retry, so that lost requests are noticed. */
export function clientOf(url: string, maxRetries = 0): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries, timeout: 600_000 });
}

export async function ask(client: OpenAI, wanted: Wanted): Promise<Completion> {
  const { prompt, maxTokens, picture, model = fleetModel } = wanted;
  let text = "";
  const starts: number[] = [];
  const tied: number[] = [];
  let finish: string | undefined;
  let error: string | undefined;
  const arrivals: number[] = [];
  try {
    // A real model must produce all tokens: a shorter answer proves less.
    const real = model === fleetModel ? {} : { ignore_eos: true };
    const learns = wanted.ties === true;
    const take = (piece: string, ended: string | null): void => {
      if (piece !== "") arrivals.push(performance.now());
      starts.push(text.length);
      text += piece;
      finish = ended ?? finish;
    };
    if (picture === undefined) {
      const more = learns ? { ...real, logprobs: rivals } : real;
      const asked = { ...more, model, prompt, max_tokens: maxTokens, temperature: 0 };
      for await (const { choices } of await client.completions.create({ ...asked, stream: true })) {
        const [choice] = choices;
        if (choice === undefined) continue;
        const { token_logprobs: chosen = [], top_logprobs: tops = [] } = choice.logprobs ?? {};
        if (chosen.some((one, i) => isTie(one, Object.values(tops[i] ?? {})))) tied.push(starts.length);
        take(choice.text, choice.finish_reason);
      }
    } else {
      const more = learns ? { ...real, logprobs: true, top_logprobs: rivals } : real;
      const asked = { ...more, model, messages: messagesOf(prompt, picture), max_completion_tokens: maxTokens };
      const chunks = await client.chat.completions.create({ ...asked, temperature: 0, stream: true });
      for await (const { choices } of chunks) {
        const [choice] = choices;
        if (choice === undefined) continue;
        const isTied = ({ logprob, top_logprobs }: OpenAI.ChatCompletionTokenLogprob): boolean =>
          isTie(
            logprob,
            top_logprobs.map((rival) => rival.logprob),
          );
        if (choice.logprobs?.content?.some(isTied) === true) tied.push(starts.length);
        take(choice.delta.content ?? "", choice.finish_reason);
      }
    }
  } catch (thrown) {
    error = errorText(thrown);
  }
  const ties = tied.map((i) => ({ from: starts[i] ?? 0, to: starts[i + 2] ?? text.length }));
  return { text, ties, finish, error, arrivals };
}

/** A conversation about a picture. */
export function messagesOf(prompt: string, picture: string): OpenAI.ChatCompletionUserMessageParam[] {
  const content: OpenAI.ChatCompletionContentPart[] = [
    { type: "image_url", image_url: { url: picture } },
    { type: "text", text: prompt },
  ];
  return [{ role: "user", content }];
}

/** Whether a token was chosen of two whose logprobs differ by less than rounding. @param tops logprobs of the likeliest tokens */
function isTie(chosen: number, tops: readonly number[]): boolean {
  return tops.filter((rival) => Math.abs(rival - chosen) < rounding).length > 1;
}

/** Different prompts, whose answers differ from the first token on. */
export function promptsOf(count: number, seed: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `Request ${i} of run ${seed}: what do the bees say?`);
}
