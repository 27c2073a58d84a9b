// Makes up headers of projectors, and of models with the same width, for tests.
import { madeUpHeader, type MadeUpValue } from "./made-up-header.ts";

/** A projector of the shape of LLaVA's. @param width numbers in an embedding */
export function madeUpProjector(width: number, values: Readonly<Record<string, MadeUpValue>> = {}): Buffer {
  const sight = {
    "general.architecture": "clip",
    "clip.has_vision_encoder": true,
    "clip.projector_type": "mlp",
    "clip.vision.image_size": 56,
    "clip.vision.patch_size": 14,
    "clip.vision.block_count": 2,
    "clip.vision.embedding_length": 32,
    "clip.vision.feed_forward_length": 64,
    ...values,
  };
  return madeUpHeader(sight, [{ name: "mm.2.weight", shape: [8, width] }], { dataBytes: 32 * width });
}

/** A language model without tensors. */
export function madeUpReader(width: number): Buffer {
  return madeUpHeader({ "general.architecture": "llama", "llama.embedding_length": width });
}
