// Owns the metadata that names the tokens at the beginning and the end of a text.
import type { FamilyVocabulary } from "./family-vocabulary.ts";
import { gguf } from "../gguf.ts";

/**
 * If the vocabulary has no BOS token, BOS is the end token, as in Qwen's files: otherwise llama.cpp would assume GPT-2's token number.
 * @param markers the token of each marker
 */
export function endsMetadata(
  { bos, eos, eot }: FamilyVocabulary,
  markers: ReadonlyMap<string, number>,
): Readonly<Record<string, Buffer>> {
  const token = (marker: string): Buffer => gguf.uint32(markers.get(marker) as number);
  return {
    "tokenizer.ggml.bos_token_id": token(bos ?? eos),
    "tokenizer.ggml.eos_token_id": token(eos),
    ...(eot === undefined ? {} : { "tokenizer.ggml.eot_token_id": token(eot) }),
    "tokenizer.ggml.add_bos_token": gguf.bool(bos !== undefined),
  };
}
