// Owns what the rest needs to know of a model's vocabulary, read once from its metadata.
import type { LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import type { SpecialToken } from "./special-text.ts";
import { pieceEncoding, type TokenBytesOptions } from "./token-bytes.ts";

export interface Vocabulary extends TokenBytesOptions {
  /** Control, unknown and user-defined tokens. */
  readonly specialTokens: readonly SpecialToken[];
  readonly chatTemplate: string | undefined;
}

export function readVocabulary(model: LlamaModel): Vocabulary {
  const { ggml, chat_template: chatTemplate } = model.fileInfo.metadata.tokenizer;
  const pieces = ggml.tokens;
  const specialTokens: SpecialToken[] = [];
  pieces.forEach((text, token) => {
    const { control, unknown, userDefined } = model.getTokenAttributes(token as LlamaToken);
    if (control || unknown || userDefined) specialTokens.push({ text, control: control || unknown });
  });
  return {
    pieces,
    encoding: pieceEncoding(ggml.model, ggml.pre),
    kindOf: (token) => model.getTokenAttributes(token as LlamaToken),
    specialTokens,
    // Files with several templates have an object here, under whatever names.
    chatTemplate: typeof chatTemplate === "string" && chatTemplate.trim() !== "" ? chatTemplate : undefined,
  };
}
