// Sets the sizes that the engine uses when the settings have no value.
import { modelUseOf, type GgufHeader } from "../header/index.ts";
import { modelShapeOf } from "./graph/layers.ts";

/** The default limit of a context. Longer contexts must be requested, since they take memory even while empty. */
const usualContext = 8_192;
const usualTextTokens = 2_048;

/** Tokens per slot; of a model that only reads, of a text: for a longer one than it was trained on it has no positions. */
export function contextSizeOf(header: GgufHeader, wanted: number | undefined): number {
  const trained = Math.max(1, modelShapeOf(header).trainedContext);
  const reads = modelUseOf(header).kind !== "generate";
  if (wanted === undefined) return Math.min(trained, reads ? usualTextTokens : usualContext);
  return reads ? Math.min(trained, wanted) : wanted;
}
