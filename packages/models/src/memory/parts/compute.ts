// Estimates the compute buffer of a pass by a formula: the bytes that llama.cpp reserves, and the part that is ever written. Decision 084.
import { hasWindows, type Layer, type ModelShape } from "./layers.ts";
import { mostScores, passTokensBehind, type LoadedSettings } from "../settings.ts";

export interface ComputeBytes {
  readonly reserved: number;
  /** The part that is written while no request needs the logits of whole prompts. */
  readonly written: number;
  /** The part for inputs: it stays on the host if all layers are on a GPU. */
  readonly inputs: number;
}

const floatBytes = 4;

export function computeBytes(shape: ModelShape, settings: LoadedSettings): ComputeBytes {
  const { tokens, slots } = settings;
  // An embedding needs the output of every token; generation samples one token per slot.
  const outputs = settings.embeds ? settings.outputs : Math.min(slots, settings.outputs);
  const passes = largestPasses({ ...settings, outputs });
  // Of two masks, the place of one is free for the feed-forward part, which then does not lie over the scores of a shorter pass.
  const apart = passes.length > 1 && hasWindows(shape) ? tokens * floatBytes * mostOf(shape, fedNumbers) : 0;
  const reserved = bufferBytes(shape, settings);
  return {
    reserved,
    written: Math.min(reserved, Math.max(...passes.map((pass) => bufferBytes(shape, pass))) + apart),
    // The embeddings of the tokens are computed on the host, too.
    inputs: tokens * (maskBytes(shape, settings) + 2 * floatBytes * shape.width),
  };
}

/** The passes that write most: where long contexts shorten them, the longest pass, and a slot's pass after all cells. */
function largestPasses(settings: LoadedSettings): readonly LoadedSettings[] {
  const { tokens, cells } = settings;
  if (!settings.shortensPasses || tokens <= passTokensBehind(cells)) return [settings];
  return [
    { ...settings, cells: Math.floor(mostScores / tokens) },
    { ...settings, slots: 1, tokens: passTokensBehind(cells) },
  ];
}

/**
 * ggml puts a result into the place of others that no later one reads (ggml-alloc.c). So the buffer is as large as what exists at once: in the largest
 * layer, or when the logits are computed. What that is follows from `build_attn` and `build_ffn` of llama-graph.cpp. The gaps that ggml leaves are
 * fitted, so that the estimate is not lower than llama.cpp's own figures: `memory.test` of `engine-llama` compares them.
 */
function bufferBytes(shape: ModelShape, settings: LoadedSettings): number {
  const { width, vocabulary, encoder } = shape;
  const { tokens, outputs, slots, flashAttention } = settings;
  const seen = seenBy(shape, settings);
  const queries = mostOf(shape, (_, { attention }) => (attention?.heads ?? 0) * (attention?.keyLength ?? 0));
  const projected = queries + mostOf(shape, (_, { attention }) => (attention?.keys ?? 0) + (attention?.values ?? 0));
  const attended = mostOf(shape, (_, { attention }) => {
    const { heads = 0, valueLength = 0 } = attention ?? {};
    // Without flash attention: also the scores of all heads, and a copy of the result.
    return heads * (flashAttention ? valueLength : seen + 2 * valueLength);
  });
  const fed = mostOf(shape, fedNumbers);
  const recurrent = mostOf(shape, (_, layer) => recurrentNumbers(shape, layer) + (layer.state * slots) / tokens);
  /** A layer's input, its norm, and a result that finds no gap. */
  const rows = 2 * width + Math.max(width, queries);
  const masks = maskBytes(shape, settings);
  const inLayer = masks + floatBytes * (width + rows + Math.max(projected + attended, fed, recurrent));
  if (encoder) return tokens * inLayer;
  const gap = hasWindows(shape) ? masks / 2 : 0;
  const withLogits = tokens * (gap + floatBytes * (rows + projected)) + floatBytes * vocabulary * outputs;
  return Math.max(tokens * inLayer, withLogits);
}

type NumbersOf = (shape: ModelShape, layer: Layer, index: number) => number;

/** The numbers for a token in the layer that has most. */
function mostOf(shape: ModelShape, numbersOf: NumbersOf): number {
  return Math.max(0, ...shape.layers.map((layer, index) => numbersOf(shape, layer, index)));
}

/** Tokens to which a token attends. */
function seenBy({ encoder }: ModelShape, { tokens, cells }: LoadedSettings): number {
  return encoder ? tokens : cells;
}

/** Bytes of a token's row in the masks: one for all layers with a window, and one for the others. Flash attention takes half floats. */
function maskBytes(shape: ModelShape, settings: LoadedSettings): number {
  const kinds = new Set(shape.layers.flatMap(({ attention }) => attention?.windowed ?? []));
  return kinds.size * seenBy(shape, settings) * (settings.flashAttention ? 2 : floatBytes);
}

/** Numbers of the feed-forward part for a token: gate, matrix and their product; with experts, these of each expert in use, and its result. */
function fedNumbers(shape: ModelShape, { feedForward }: Layer, index: number): number {
  const { experts, expertsUsed, expertFeedForwardLength = feedForward } = shape.numbers;
  const prefix = `blk.${index}.ffn_`;
  if (shape.has(`${prefix}up_exps.weight`) || shape.has(`${prefix}gate_up_exps.weight`)) {
    const shared = 3 * (shape.rowsOf(`${prefix}up_shexp.weight`) ?? 0);
    return expertsUsed * (3 * expertFeedForwardLength + shape.width) + 2 * experts + shared;
  }
  const rows = shape.rowsOf(`${prefix}up.weight`) ?? feedForward;
  // Without a matrix for the gate, the gate may be one half of the other matrix.
  return (shape.has(`${prefix}gate.weight`) ? 3 : 1.5) * rows;
}

/** Numbers of a recurrent layer for a token, without the states (mamba-base.cpp); of about the right size for other architectures. */
function recurrentNumbers({ numbers, width }: ModelShape, { state }: Layer): number {
  if (state === 0) return 0;
  const { recurrent } = numbers;
  return recurrent === undefined ? 5 * width : 5 * recurrent.innerSize + 6 * recurrent.groups * recurrent.stateSize;
}
