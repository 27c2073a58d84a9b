// Finds the tokens that are not text: the chat format's markers, and the tokens that end the generation.
import type { Token } from "@waggle/engine";
import type { LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import type { Chat } from "./chat.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface SpecialTokens {
  /** The private character (mark) that replaces this token, if the token is a marker of the chat format; undefined for other tokens. */
  readonly markOf: (token: Token) => string | undefined;
  readonly isEndOfGeneration: (token: Token) => boolean;
  /** All tokens for which `isEndOfGeneration` is true. */
  readonly endTokens: readonly Token[];
}

export function findSpecialTokens(
  model: LlamaModel,
  { pieces, specialTokens }: Vocabulary,
  { format: { marks } }: Chat,
): SpecialTokens {
  const special = new Set(specialTokens.map(({ text }) => text));
  const markByText = new Map(marks.filter(({ text }) => special.has(text)).map(({ text, mark }) => [text, mark]));
  const markByToken = new Map<Token, string>();
  const ends = new Set<Token>();
  pieces.forEach((text, token) => {
    const mark = markByText.get(text);
    if (mark !== undefined) markByToken.set(token, mark);
    if (endsGeneration(model, token, mark)) ends.add(token);
  });
  return {
    markOf: (token) => markByToken.get(token),
    isEndOfGeneration: (token) => ends.has(token),
    endTokens: [...ends],
  };
}

/**
 * Whether the token ends the generation. The library answers yes for every token that ends a turn in some model family. This function answers no
 * for a marker of this chat format that is user-defined in llama.cpp, except EOS: for example, gpt-oss's `<|end|>` only ends a thought.
 */
function endsGeneration(model: LlamaModel, token: Token, mark: string | undefined): boolean {
  const id = token as LlamaToken;
  if (!model.isEogToken(id)) return false;
  return id === model.tokens.eos || mark === undefined || !model.getTokenAttributes(id).userDefined;
}
