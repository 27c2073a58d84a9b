// Owns the sizes that the engine takes where nobody says any.
import { modelUseOf, type GgufHeader } from "@waggle/gguf";
import { modelShapeOf } from "./layers.ts";

/** Longer contexts are asked for by name: their memory is spent whether or not anybody fills them. */
const usualContext = 8_192;
const usualTextTokens = 2_048;

/** Tokens per slot; of a model that only reads, of a text: for a longer one than it was trained on it has no positions. */
export function contextSizeOf(header: GgufHeader, wanted: number | undefined): number {
  const trained = Math.max(1, modelShapeOf(header).trainedContext);
  const reads = modelUseOf(header).kind !== "generate";
  if (wanted === undefined) return Math.min(trained, reads ? usualTextTokens : usualContext);
  return reads ? Math.min(trained, wanted) : wanted;
}
