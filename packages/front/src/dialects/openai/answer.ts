// Builds the parts of an answer in OpenAI's dialect: messages, deltas, logprobs and usage. Shapes after OpenAI's API reference.
import type {
  AnswerMessage,
  ChatCompletion,
  ChatCompletionChunk,
  ChatFinishReason,
  ChatLogprobs,
  CompletionLogprobs,
  Logprob,
  OpenAiUsage,
  TokenEvent,
  Usage,
} from "@waggle/protocol";
import { tokenLogprobs, tokenText } from "../../generation/logprobs.ts";

/** Fields that all objects of one answer share. */
export type AnswerHead = Pick<ChatCompletion, "id" | "created" | "model" | "system_fingerprint">;

export function openAiUsage(usage: Usage): OpenAiUsage {
  const { prompt_tokens, completion_tokens, total_tokens, cached_tokens, differs_at } = usage;
  const details = { cached_tokens, ...(differs_at === undefined ? {} : { differs_at }) };
  return { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details: details };
}

/** The client's field names for parts of a message. A message never has both names: goose fails on both with "duplicate field". */
export interface PartNames {
  readonly reasoning: "reasoning_content" | "reasoning";
  readonly call: "tool_calls" | "function_call";
}

/** Finish reason of an answer that was not cancelled. */
export type CompleteReason = "stop" | "length";

/** If the model ended the answer within a call, the reason is length, as for an answer that ran out of tokens. */
export function finishReasonOf(
  reason: CompleteReason,
  calls: number,
  message: AnswerMessage | undefined,
  { call }: PartNames,
): ChatFinishReason {
  if (reason !== "stop" || calls === 0) return reason;
  return message?.tool_calls?.some(({ cut }) => cut === true) === true ? "length" : call;
}

export function messageIn(message: AnswerMessage, names: PartNames): ChatCompletion["choices"][number]["message"] {
  const { reasoning_content: reasoning, tool_calls: calls = [], ...rest } = message;
  const [first] = calls;
  return {
    ...rest,
    refusal: null,
    ...(reasoning === undefined ? {} : { [names.reasoning]: reasoning }),
    ...(first === undefined ? {} : { [names.call]: names.call === "tool_calls" ? calls : first.function }),
  };
}

export type ChatDelta = ChatCompletionChunk["choices"][number]["delta"];

export function deltaOf({ part, text, call }: TokenEvent, names: PartNames): ChatDelta {
  switch (part) {
    case undefined:
    case "content":
      return { content: text };
    case "reasoning":
      return { [names.reasoning]: text };
    case "call": {
      const { index = 0, id, name } = call ?? {};
      if (names.call === "function_call") return { function_call: { name, arguments: text } };
      return { tool_calls: [{ index, id, type: "function", function: { name, arguments: text } }] };
    }
    case "arguments":
      if (names.call === "function_call") return { function_call: { arguments: text } };
      return { tool_calls: [{ index: call?.index ?? 0, function: { arguments: text } }] };
  }
}

export function chatLogprobs(entries: readonly Logprob[]): ChatLogprobs {
  return { content: tokenLogprobs(entries), refusal: null };
}

/** Logprob of a token; null for the first token of a prompt, which has no probability. */
export interface TextLogprob {
  readonly bytes: readonly number[];
  readonly logprob: number | null;
  readonly top: readonly { readonly bytes: readonly number[]; readonly logprob: number }[];
}

/** Logprobs of the text completions route. @param offsets positions of the tokens in the whole text */
export function completionLogprobs(entries: readonly TextLogprob[], offsets: readonly number[]): CompletionLogprobs {
  return {
    tokens: entries.map(({ bytes }) => tokenText(bytes)),
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: entries.map(({ logprob, top }) => (logprob === null ? null : topByText(top))),
    text_offset: [...offsets],
  };
}

/** Returns the positions of the next tokens of a text. */
export type TextOffsets = (entries: readonly TextLogprob[]) => readonly number[];

/** Tokens that are parts of one character all have the character's position. @param start position of the first token */
export function createTextOffsets(start = 0): TextOffsets {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let next = start;
  return (entries) =>
    entries.map(({ bytes }) => {
      const offset = next;
      next += decoder.decode(Uint8Array.from(bytes), { stream: true }).length;
      return offset;
    });
}

/** Tokens that are parts of characters all have the text U+FFFD. If several tokens have the same text, only the most probable is shown. */
function topByText(top: TextLogprob["top"]): Record<string, number> {
  const byText = new Map<string, number>();
  for (const { bytes, logprob } of top) {
    const text = tokenText(bytes);
    if (!byText.has(text)) byText.set(text, logprob);
  }
  return Object.fromEntries(byText);
}

export function choiceOf(event: TokenEvent): number {
  return event.choice ?? 0;
}
