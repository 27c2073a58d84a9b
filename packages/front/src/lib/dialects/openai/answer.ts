// Owns what an answer looks like in OpenAI's dialect: its parts, whole or in pieces. Shapes after OpenAI's API reference.
import type { AnswerMessage, FinishReason, Logprob, TokenEvent, Usage } from "@waggle/protocol";
import { tokenLogprobs, tokenText } from "../../logprobs.ts";

/** What every object of one answer says of it. */
export interface AnswerHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

export function openAiUsage(usage: Usage): Record<string, unknown> {
  const { prompt_tokens, completion_tokens, total_tokens, cached_tokens, differs_at } = usage;
  const details = { cached_tokens, ...(differs_at === undefined ? {} : { differs_at }) };
  return { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details: details };
}

/** An answer that the model itself ended within a call is cut like one that ran out of tokens. */
export function finishReasonOf(reason: FinishReason, calls: number, message: AnswerMessage | undefined): string {
  if (reason !== "stop" || calls === 0) return reason;
  return message?.tool_calls?.some(({ cut }) => cut === true) === true ? "length" : "tool_calls";
}

/** One piece of a streamed message. */
export function deltaOf({ part, text, call }: TokenEvent): Record<string, unknown> {
  switch (part) {
    case undefined:
    case "content":
      return { content: text };
    case "reasoning":
      return { reasoning_content: text };
    case "call": {
      const { index = 0, id, name } = call ?? {};
      return { tool_calls: [{ index, id, type: "function", function: { name, arguments: text } }] };
    }
    case "arguments":
      return { tool_calls: [{ index: call?.index ?? 0, function: { arguments: text } }] };
  }
}

export function chatLogprobs(entries: readonly Logprob[]): Record<string, unknown> {
  return { content: tokenLogprobs(entries), refusal: null };
}

/** The older shape; `offset` is where the first token's text begins in the whole. */
export function completionLogprobs(entries: readonly Logprob[], offset: number): Record<string, unknown> {
  let at = offset;
  const tokens = entries.map(({ bytes }) => tokenText(bytes));
  return {
    tokens,
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: entries.map(({ top }) =>
      Object.fromEntries(top.map(({ bytes, logprob }) => [tokenText(bytes), logprob])),
    ),
    text_offset: tokens.map((text) => {
      const start = at;
      at += text.length;
      return start;
    }),
  };
}

export function choiceOf(event: TokenEvent): number {
  return event.choice ?? 0;
}
