// Estimates how fast a model generates: the bytes read for each token, divided by the memory bandwidth.
import { bytesOfWeights, type GgufHeader } from "../header/index.ts";
import { modelShapeOf, type ModelShape } from "./parts/layers.ts";
import { decideSettings, type MemorySettings } from "./settings.ts";

/** Length of the conversation whose KV cache is read for each token. */
const typicalTokens = 512;
const writes = { kind: "generate", mustBeWhole: false } as const;

/**
 * Bytes that one token of one slot reads: all weights, and the KV cache of a short conversation. Of a layer's experts, only the experts in use count.
 * Tables with a row for each token do not count, as only one row is read.
 */
export function bytesPerToken(header: GgufHeader, settings: MemorySettings): number {
  const shape = modelShapeOf(header);
  return readWeights(header, shape) + readCache(shape, settings);
}

function readWeights({ tensors }: GgufHeader, { numbers }: ModelShape): number {
  const hasOutput = tensors.some(({ name }) => name === "output.weight");
  const chosen = numbers.experts === 0 ? 1 : numbers.expertsUsed / numbers.experts;
  return tensors.reduce((total, { name, bytes }) => {
    // Without an output matrix, the token embeddings are used as output matrix and read in full.
    if (name === "token_embd.weight" && hasOutput) return total;
    if (/^(position_embd|token_types|per_layer_token_embd)\./.test(name)) return total;
    return total + bytes * (name.includes("_exps.") ? chosen : 1);
  }, 0);
}

function readCache(shape: ModelShape, settings: MemorySettings): number {
  const { cacheTypeK, cacheTypeV } = decideSettings(shape, writes, settings);
  const tokens = Math.min(typicalTokens, settings.contextSize);
  return shape.layers.reduce((total, { attention, state }) => {
    if (attention === undefined) return total + state * 4;
    const seen = attention.windowed ? Math.min(tokens, shape.numbers.slidingWindow ?? tokens) : tokens;
    const token = bytesOfWeights(cacheTypeK, attention.keys) + bytesOfWeights(cacheTypeV, attention.values);
    return total + seen * token + state * 4;
  }, 0);
}
