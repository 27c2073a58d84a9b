// Reads a model's vocabulary: the texts and kinds of its tokens.
import type { InfillMarkers, SpecialToken } from "@waggle/models/header";
import type { LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import { pieceEncoding, type TokenBytesOptions } from "./token-bytes.ts";

export interface Vocabulary extends TokenBytesOptions {
  /** Control, unknown and user-defined tokens. */
  readonly specialTokens: readonly SpecialToken[];
  /** Undefined if the model was not trained for infill. */
  readonly infill: InfillMarkers | undefined;
}

export function readVocabulary(model: LlamaModel, infill?: InfillMarkers): Vocabulary {
  const { ggml } = model.fileInfo.metadata.tokenizer;
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
    infill,
  };
}
