// Owns what each layer of a model has of attention and of recurrence, by its architecture as llama.cpp knows it (`load_arch_hparams` of its
// models, and llama-hparams.cpp).
import { hyperparametersOf, isEncoder, type GgufHeader, type Hyperparameters } from "../../header/index.ts";

export interface Layer {
  /** Undefined where it has no attention. */
  readonly attention: Attention | undefined;
  /** Numbers of its state for each sequence; 0 where it has none. */
  readonly state: number;
  readonly feedForward: number;
}

export interface Attention {
  readonly heads: number;
  /** Numbers of all keys of a token, and of all values. */
  readonly keys: number;
  readonly values: number;
  readonly keyLength: number;
  readonly valueLength: number;
  /** It looks back on a window only, or on everything. */
  readonly windowed: boolean;
  /** It reads an earlier layer's keys and values, and keeps none. */
  readonly shared: boolean;
}

export interface ModelShape {
  readonly architecture: string;
  readonly width: number;
  readonly vocabulary: number;
  readonly trainedContext: number;
  readonly layers: readonly Layer[];
  /** No cache: a text is computed as a whole. */
  readonly encoder: boolean;
  /** Keys alone are kept, of which values are made. */
  readonly latent: boolean;
  readonly poolingType: number;
  readonly numbers: Hyperparameters;
  /** Names of all tensors. */
  readonly has: (tensor: string) => boolean;
  /** Rows of a matrix, the second number of its shape. */
  readonly rowsOf: (tensor: string) => number | undefined;
}

/** How many layers have a window, then one without, where the file has no pattern; or first the one without. */
const windowPatterns: Readonly<Record<string, readonly [every: number, first?: "dense first"]>> = {
  ...{ afmoe: [4], cohere2: [4], cohere2moe: [4, "dense first"], exaone4: [4], "exaone-moe": [4], gemma2: [2] },
  ...{ gemma3: [6], "gemma-embedding": [6], gemma3n: [5], llama4: [4], "modern-bert": [3, "dense first"], olmo2: [4] },
  ...{ "gpt-oss": [2], phi3: [1], plamo3: [8], smallthinker: [4, "dense first"], mellum: [4], gemma4: [6] },
};

/** All layers are recurrent (`llm_arch_is_recurrent`). */
const recurrentOnly: ReadonlySet<string> = new Set(["mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"]);
/** Each layer has both. */
const bothInEach: ReadonlySet<string> = new Set(["falcon-h1"]);
/** Attention in every so-and-so-manieth layer, the last of each. */
const inIntervals: ReadonlySet<string> = new Set(["qwen3next", "qwen35", "qwen35moe"]);
const usualInterval = 4;
/** The layers from this one on share their caches. */
const gemma3nOwnLayers = 20;

export function modelShapeOf(header: GgufHeader): ModelShape {
  const { architecture, metadata, tensors } = header;
  const numbers = hyperparametersOf(header);
  const byName = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const count = numbers.layers - numbers.predictionLayers;
  return {
    architecture,
    width: numbers.embeddingLength ?? 0,
    vocabulary: numbers.vocabularySize,
    trainedContext: numbers.contextLength ?? 0,
    layers: Array.from({ length: Math.max(0, count) }, (_, index) => layerOf(header, numbers, index)),
    encoder: isEncoder(header),
    latent: metadata.number(`${architecture}.attention.key_length_mla`) !== undefined,
    poolingType: numbers.poolingType ?? 0,
    numbers,
    has: (tensor) => byName.has(tensor),
    rowsOf: (tensor) => byName.get(tensor)?.[1],
  };
}

/** @throws nothing: what is unknown counts as 0 */
function layerOf(header: GgufHeader, numbers: Hyperparameters, index: number): Layer {
  const { architecture } = header;
  const heads = numbers.headCounts[index] ?? 0;
  const kvHeads = numbers.kvHeadCounts[index] ?? 0;
  const feedForward = numbers.feedForwardLengths[index] ?? 0;
  const recurrent = isRecurrent(architecture, numbers, index);
  const attends = kvHeads > 0 && (!recurrent || bothInEach.has(architecture));
  return {
    attention: attends ? attentionOf(architecture, numbers, { heads, kvHeads, index }) : undefined,
    state: recurrent ? stateOf(header, numbers) : 0,
    feedForward,
  };
}

function attentionOf(
  architecture: string,
  numbers: Hyperparameters,
  { heads, kvHeads, index }: { readonly heads: number; readonly kvHeads: number; readonly index: number },
): Attention {
  const windowed = hasWindow(architecture, numbers, index);
  const part = heads === 0 ? 0 : (numbers.embeddingLength ?? 0) / heads;
  const keyLength = (windowed ? numbers.windowKeyLength : undefined) ?? numbers.keyLength ?? part;
  const valueLength = (windowed ? numbers.windowValueLength : undefined) ?? numbers.valueLength ?? part;
  const own = architecture === "gemma3n" ? gemma3nOwnLayers : numbers.layers - numbers.sharedKvLayers;
  return {
    ...{ heads, keyLength, valueLength, windowed },
    keys: keyLength * kvHeads,
    values: valueLength * kvHeads,
    shared: index >= own,
  };
}

/** Whether any layer has a window: then there are two caches, with a mask for each. */
export function hasWindows({ layers }: ModelShape): boolean {
  return layers.some(({ attention }) => attention?.windowed === true);
}

function hasWindow(architecture: string, { slidingWindow, windowPattern }: Hyperparameters, index: number): boolean {
  if (slidingWindow === undefined || slidingWindow <= 0) return false;
  if (typeof windowPattern === "object") return windowPattern[index] ?? false;
  const usual = windowPatterns[architecture];
  // Other models name a window, too (Mistral's first), and llama.cpp ignores it.
  if (usual === undefined) return false;
  const every = windowPattern ?? usual[0];
  if (every === 0) return true;
  return usual[1] === undefined ? index % every < every - 1 : index % every !== 0;
}

function isRecurrent(architecture: string, numbers: Hyperparameters, index: number): boolean {
  if (recurrentOnly.has(architecture) || bothInEach.has(architecture)) return true;
  if (inIntervals.has(architecture)) return (index + 1) % (numbers.attentionInterval ?? usualInterval) !== 0;
  if (numbers.recurrent === undefined && numbers.shortConvolution === undefined) return false;
  const silent = numbers.kvHeadCounts[index] === 0;
  // A layer of nemotron that is nothing but a feed-forward part.
  if (architecture.startsWith("nemotron_h")) return silent && numbers.feedForwardLengths[index] === 0;
  return silent;
}

/** `n_embd_r` and `n_embd_s` of llama-hparams.cpp. */
function stateOf({ architecture, metadata }: GgufHeader, numbers: Hyperparameters): number {
  const width = numbers.embeddingLength ?? 0;
  const wkv = metadata.number(`${architecture}.wkv.head_size`);
  if (wkv !== undefined) return width * ((metadata.number(`${architecture}.token_shift_count`) ?? 2) + wkv);
  if (numbers.shortConvolution !== undefined) return width * (numbers.shortConvolution - 1);
  if (numbers.recurrent === undefined) return 0;
  const { convolutionKernel, innerSize, stateSize, groups } = numbers.recurrent;
  return Math.max(0, convolutionKernel - 1) * (innerSize + 2 * groups * stateSize) + innerSize * stateSize;
}
