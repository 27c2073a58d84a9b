// Identifies the tokens that are not text: the markers of the chat format, and the tokens that end the generation.
import type { Token } from "@waggle/engine";
import type { LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import type { Chat } from "./chat.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface SpecialTokens {
  /** The mark of a marker of the chat format; undefined for all other tokens. */
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
 * For the library the markers that end a turn in any family are ends. A marker of this chat format that is user-defined in llama.cpp, so that it
 * has a text (gpt-oss's `<|end|>`, which ends a thought), is not an end.
 */
function endsGeneration(model: LlamaModel, token: Token, mark: string | undefined): boolean {
  const id = token as LlamaToken;
  if (!model.isEogToken(id)) return false;
  return id === model.tokens.eos || mark === undefined || !model.getTokenAttributes(id).userDefined;
}
