// Owns what the rest needs to know of a model's vocabulary, read once from its metadata.
import type { InfillMarkers } from "@waggle/gguf";
import type { LlamaModel, Token as LlamaToken } from "node-llama-cpp";
import type { SpecialToken } from "./special-text.ts";
import { pieceEncoding, type TokenBytesOptions } from "./token-bytes.ts";

export interface Vocabulary extends TokenBytesOptions {
  /** Control, unknown and user-defined tokens. */
  readonly specialTokens: readonly SpecialToken[];
  /** The model's own chat templates by their names; `default` is the one without a name. */
  readonly chatTemplates: ReadonlyMap<string, string>;
  /** Undefined where the model was not trained to fill in. */
  readonly infill: InfillMarkers | undefined;
}

export function readVocabulary(model: LlamaModel, infill?: InfillMarkers): Vocabulary {
  const { tokenizer } = model.fileInfo.metadata;
  const { ggml } = tokenizer;
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
    chatTemplates: chatTemplatesOf(tokenizer),
    infill,
  };
}

/** A file with several has `tokenizer.chat_template` for the usual one and `tokenizer.chat_template.NAME` for the others. */
function chatTemplatesOf(tokenizer: Readonly<Record<string, unknown>>): Map<string, string> {
  const templates = new Map<string, string>();
  const add = (name: string, source: unknown): void => {
    if (typeof source === "string" && source.trim() !== "") templates.set(name, source);
  };
  for (const [key, value] of Object.entries(tokenizer)) {
    if (key === "chat_template" && typeof value === "object" && value !== null) {
      for (const [name, source] of Object.entries(value)) add(name, source);
    } else if (key === "chat_template") add("default", value);
    else if (key.startsWith("chat_template.")) add(key.slice("chat_template.".length), value);
  }
  return templates;
}
