// Owns what an answer looks like in OpenAI's dialect: its parts, whole or in pieces. Shapes after OpenAI's API reference.
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
export interface AnswerHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

export function openAiUsage(usage: Usage): OpenAiUsage {
  const { prompt_tokens, completion_tokens, total_tokens, cached_tokens, differs_at } = usage;
  const details = { cached_tokens, ...(differs_at === undefined ? {} : { differs_at }) };
  return { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details: details };
}

/** The name that the client has for the parts of a message: its usual name, or an older one. Never both: goose, for one, fails on a message with both ("duplicate field"). */
export interface PartNames {
  readonly reasoning: "reasoning_content" | "reasoning";
  readonly call: "tool_calls" | "function_call";
}

/** Of an answer that was not cancelled. */
export type CompleteReason = "stop" | "length";

/** An answer that the model itself ended within a call is cut like one that ran out of tokens. */
export function finishReasonOf(
  reason: CompleteReason,
  calls: number,
  message: AnswerMessage | undefined,
  { call }: PartNames,
): ChatFinishReason {
  if (reason !== "stop" || calls === 0) return reason;
  return message?.tool_calls?.some(({ cut }) => cut === true) === true ? "length" : call;
}

/** The whole message. */
export function messageIn(message: AnswerMessage, names: PartNames): ChatCompletion["choices"][number]["message"] {
  const { reasoning_content: reasoning, tool_calls: calls = [], ...rest } = message;
  const [first] = calls;
  return {
    ...rest,
    ...(reasoning === undefined ? {} : { [names.reasoning]: reasoning }),
    ...(first === undefined ? {} : { [names.call]: names.call === "tool_calls" ? calls : first.function }),
  };
}

export type ChatDelta = ChatCompletionChunk["choices"][number]["delta"];

/** One piece of a streamed message. */
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

/** Of a text's token; the first one of a prompt follows nothing that would make it probable. */
export interface TextLogprob {
  readonly bytes: readonly number[];
  readonly logprob: number | null;
  readonly top: readonly { readonly bytes: readonly number[]; readonly logprob: number }[];
}

/** The older shape; `offsets` are where the tokens begin in the whole text. */
export function completionLogprobs(entries: readonly TextLogprob[], offsets: readonly number[]): CompletionLogprobs {
  return {
    tokens: entries.map(({ bytes }) => tokenText(bytes)),
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: entries.map(({ logprob, top }) => (logprob === null ? null : topByText(top))),
    text_offset: [...offsets],
  };
}

/** Where the next tokens of a text begin. */
export type TextOffsets = (entries: readonly TextLogprob[]) => readonly number[];

/** The tokens of one character all begin where it does. @param start of the first token */
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

/** Parts of characters have the same replacement text: of tokens with one text the most probable is shown. */
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
