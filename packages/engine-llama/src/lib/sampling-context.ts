// Owns what sampling needs to know of a loaded model.
import type { Token } from "@waggle/engine";
import type { LlamaModel } from "node-llama-cpp";
import type { Chat } from "./chat.ts";
import { createDryBreakers } from "./dry-breakers.ts";
import { createGrammars } from "./grammars.ts";
import type { SamplingContext } from "./sampling.ts";
import { findSpecialTokens } from "./special-tokens.ts";
import { createTokenBytes } from "./token-bytes.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface SamplingContextOptions {
  readonly model: LlamaModel;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  readonly chat: Chat;
  /** Tokens of a slot. */
  readonly contextSize: number;
}

export function createSamplingContext({ model, vocabulary, tokenizer, chat, contextSize }: SamplingContextOptions): {
  readonly sampling: SamplingContext;
  /** The mark of a token that is a marker of the chat format. */
  readonly markOf: (token: Token) => string | undefined;
} {
  const tokenBytes = createTokenBytes(vocabulary);
  const vocabularySize = vocabulary.pieces.length;
  const { markOf, isEndOfGeneration, endTokens } = findSpecialTokens(model, vocabulary, chat);
  const sampling = {
    model,
    grammars: createGrammars({ vocabularySize, tokenBytes, markOf, isEndOfGeneration }),
    dryBreakers: createDryBreakers({
      pieces: vocabulary.pieces,
      tokenBytes,
      addsSpace: tokenizer.addsSpace,
      tokenize: (text) => tokenizer.tokenize(text, false),
    }),
    vocabularySize,
    isEndOfGeneration,
    endTokens,
    tokenBytes,
    end: model.tokens.eot ?? model.tokens.eos,
    contextSize,
  };
  return { sampling, markOf };
}
