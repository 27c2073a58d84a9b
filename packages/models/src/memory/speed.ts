// Estimates how fast a model generates: the bytes read for each token, divided by the memory bandwidth.
import { bytesOfWeights, type GgufHeader } from "../header/index.ts";
import { modelShapeOf, type ModelShape } from "./graph/layers.ts";
import { decideSettings, type MemorySettings } from "./settings.ts";

/** The estimate is for a conversation of this many tokens. */
const typicalTokens = 512;
const writes = { kind: "generate", mustBeWhole: false } as const;

/**
 * Bytes that one token takes of one slot: all weights but the rows of tokens that are not looked up, of many experts those that are chosen, and the
 * cache of a short conversation.
 */
export function bytesPerToken(header: GgufHeader, settings: MemorySettings): number {
  const shape = modelShapeOf(header);
  return readWeights(header, shape) + readCache(shape, settings);
}

function readWeights({ tensors }: GgufHeader, { numbers }: ModelShape): number {
  const hasOutput = tensors.some(({ name }) => name === "output.weight");
  const chosen = numbers.experts === 0 ? 1 : numbers.expertsUsed / numbers.experts;
  return tensors.reduce((total, { name, bytes }) => {
    // Without an output matrix that of the tokens takes its place.
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
