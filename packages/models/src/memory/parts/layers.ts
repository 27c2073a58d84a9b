// Decides which layers of a model have attention, a sliding window or a recurrent state, and their sizes. The rules for each architecture are
// those of llama.cpp (`load_arch_hparams` of its models, and llama-hparams.cpp).
import { hyperparametersOf, isEncoder, type GgufHeader, type Hyperparameters } from "../../header/index.ts";

export interface Layer {
  /** Undefined for a layer without attention. */
  readonly attention: Attention | undefined;
  /** Numbers in the recurrent state of a sequence; 0 for a layer without a state. */
  readonly state: number;
  readonly feedForward: number;
}

export interface Attention {
  readonly heads: number;
  /** Numbers in a token's keys of all heads together; the same for values. */
  readonly keys: number;
  readonly values: number;
  /** Numbers in the key of a head. */
  readonly keyLength: number;
  readonly valueLength: number;
  /** Whether the layer has a sliding window. */
  readonly windowed: boolean;
  /** Whether the layer reads the KV cache of an earlier layer, and has no cache itself. */
  readonly shared: boolean;
}

export interface ModelShape {
  readonly architecture: string;
  readonly width: number;
  readonly vocabulary: number;
  readonly trainedContext: number;
  readonly layers: readonly Layer[];
  /** Without a KV cache: all tokens of a text are in one pass. */
  readonly encoder: boolean;
  /** Whether the KV cache holds only keys, from which values are computed (multi-head latent attention). */
  readonly latent: boolean;
  readonly numbers: Hyperparameters;
  /** Whether the model has a tensor of this name. */
  readonly has: (tensor: string) => boolean;
  /** Number of rows of a matrix: the second number of its shape. */
  readonly rowsOf: (tensor: string) => number | undefined;
}

/**
 * Defaults for files without a pattern. In each group of `every` layers, one layer attends to all tokens and the others have a window. The
 * layer that attends to all tokens is the last of its group, or the first with "dense first". With `every` = 1 no layer has a window.
 */
const windowPatterns: Readonly<Record<string, readonly [every: number, first?: "dense first"]>> = {
  ...{ afmoe: [4], cohere2: [4], cohere2moe: [4, "dense first"], exaone4: [4], "exaone-moe": [4], gemma2: [2] },
  ...{ gemma3: [6], "gemma-embedding": [6], gemma3n: [5], llama4: [4], "modern-bert": [3, "dense first"], olmo2: [4] },
  ...{ "gpt-oss": [2], phi3: [1], plamo3: [8], smallthinker: [4, "dense first"], mellum: [4], gemma4: [6] },
};

/** Architectures whose layers are all recurrent (`llm_arch_is_recurrent`). */
const recurrentOnly: ReadonlySet<string> = new Set(["mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"]);
/** Architectures whose layers all have attention and a recurrent state. */
const bothInEach: ReadonlySet<string> = new Set(["falcon-h1"]);
/** Architectures with attention in every Nth layer only; N is `full_attention_interval`. */
const inIntervals: ReadonlySet<string> = new Set(["qwen3next", "qwen35", "qwen35moe"]);
const usualInterval = 4;
/** In gemma3n, layers with this index or a higher one read the KV caches of earlier layers. */
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
    numbers,
    has: (tensor) => byName.has(tensor),
    rowsOf: (tensor) => byName.get(tensor)?.[1],
  };
}

/** Does not throw: unknown values count as 0. */
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

/** Whether any layer has a sliding window: the model then has two caches, each with a mask. */
export function hasWindows({ layers }: ModelShape): boolean {
  return layers.some(({ attention }) => attention?.windowed === true);
}

function hasWindow(architecture: string, { slidingWindow, windowPattern }: Hyperparameters, index: number): boolean {
  if (slidingWindow === undefined || slidingWindow <= 0) return false;
  if (typeof windowPattern === "object") return windowPattern[index] ?? false;
  const usual = windowPatterns[architecture];
  // The files of other architectures, such as the file of Mistral 7B v0.1, may also name a window. llama.cpp ignores this window.
  if (usual === undefined) return false;
  const every = windowPattern ?? usual[0];
  if (every === 0) return true;
  return usual[1] === undefined ? index % every < every - 1 : index % every !== 0;
}

function isRecurrent(architecture: string, numbers: Hyperparameters, index: number): boolean {
  if (recurrentOnly.has(architecture) || bothInEach.has(architecture)) return true;
  if (inIntervals.has(architecture)) return (index + 1) % (numbers.attentionInterval ?? usualInterval) !== 0;
  if (numbers.recurrent === undefined && numbers.shortConvolution === undefined) return false;
  const attends = numbers.kvHeadCounts[index] !== 0;
  // Some layers of nemotron_h have neither attention nor a state, only a feed-forward part.
  if (architecture.startsWith("nemotron_h")) return !attends && numbers.feedForwardLengths[index] === 0;
  return !attends;
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
