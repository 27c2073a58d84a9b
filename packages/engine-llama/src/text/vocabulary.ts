// Reads the facts about a model's vocabulary once from its metadata.
import type { InfillMarkers, SpecialToken } from "@waggle/models/header";
import type { LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import { pieceEncoding, type TokenBytesOptions } from "./token-bytes.ts";

export interface Vocabulary extends TokenBytesOptions {
  /** Control, unknown and user-defined tokens. */
  readonly specialTokens: readonly SpecialToken[];
  /** Undefined where the model was not trained to fill in. */
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
