// Owns the tokenizer of a loaded model.
import type { Token } from "@waggle/engine";
import type { LlamaModel } from "node-llama-cpp";
import { findTextCuts } from "./text-cuts.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import type { Vocabulary } from "./vocabulary.ts";

export function tokenizerOf(model: LlamaModel, { pieces, encoding, specialTokens }: Vocabulary): Tokenizer {
  const tokenize = (text: string, special: boolean): Token[] => model.tokenize(text, special);
  const cuts = findTextCuts(tokenize, { pieces, encoding, specialTexts: specialTokens.map(({ text }) => text) });
  return createTokenizer(tokenize, cuts);
}
