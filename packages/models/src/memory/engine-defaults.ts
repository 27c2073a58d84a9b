// Owns the default context size of the engine.
import { modelUseOf, type GgufHeader } from "../header/index.ts";
import { modelShapeOf } from "./graph/layers.ts";

/** Upper limit of the default context size. Users must ask for longer contexts, because they take memory even while empty. */
const usualContext = 8_192;
/** Upper limit of the default context size for models that embed or rank. */
const usualTextTokens = 2_048;

/**
 * Tokens per slot; for a model that only reads (embedding, reranking), the most tokens of a text. Such a model has no positions beyond the trained
 * context, so the number is never higher.
 */
export function contextSizeOf(header: GgufHeader, wanted: number | undefined): number {
  const trained = Math.max(1, modelShapeOf(header).trainedContext);
  const reads = modelUseOf(header).kind !== "generate";
  if (wanted === undefined) return Math.min(trained, reads ? usualTextTokens : usualContext);
  return reads ? Math.min(trained, wanted) : wanted;
}
