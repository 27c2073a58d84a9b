// Owns the metadata and tensors of made-up projectors, files that hold an encoder of pictures and the projection of its output into the embeddings
// of a text model. Keys and names are those of mtmd's clip-impl.h; what each type of projector loads is in its clip.cpp.
import { deepstackLayers } from "../decoder-model.ts";
import { gguf, matrix, singleMatrix, vector, type GgufTensor } from "../gguf.ts";
import { mostPieces } from "./chats.ts";
import { headsOf, type EncoderSize } from "./encoder-size.ts";

export type ProjectorKind = "qwen2vl" | "qwen3vl" | "gemma3" | "llava" | "pixtral" | "idefics3";

export interface ProjectorOptions {
  readonly size: EncoderSize;
  /** Width of the text model. */
  readonly textWidth: number;
}

interface Kind {
  /** `clip.projector_type` */
  readonly type: string;
  readonly patchSize: number;
  /** Patches of the side of a square that becomes one token. */
  readonly merge: number;
  /** Function of the feed-forward parts; a fast approximation of GELU by default. */
  readonly activation?: "gelu" | "silu";
  /** Whether pixels are normalized by the mean and deviation of CLIP's training data, or become numbers from -1 to 1. */
  readonly likeClip: boolean;
  readonly metadata?: (options: ProjectorOptions) => Readonly<Record<string, Buffer>>;
  readonly tensors: (options: ProjectorOptions, kind: Kind) => readonly GgufTensor[];
}

/** The square root of the mean square of GELU's output for standard normal input. */
const geluDeviation = 0.652;
/** Small enough that a picture matters more than the places in it. */
const positionDeviation = 0.25;
const epsilon = 1e-6;

const kinds: Readonly<Record<ProjectorKind, Kind>> = {
  qwen2vl: {
    type: "qwen2vl_merger",
    ...{ patchSize: 14, merge: 2, likeClip: true },
    tensors: (options, { patchSize, merge }) => [
      ...qwenPatches(options, patchSize),
      ...blocks(options, biasedLayer),
      ...norm("v.post_ln", options.size.width),
      ...merger("mm.0", "mm.2", options, merge),
    ],
  },
  qwen3vl: {
    type: "qwen3vl_merger",
    ...{ patchSize: 16, merge: 2, likeClip: false, activation: "gelu" },
    metadata: ({ size: { layers } }) => {
      const deep = deepLayersOf(layers);
      const isDeep = Array.from({ length: layers }, (_, layer) => deep.includes(layer));
      return {
        "clip.vision.spatial_merge_size": gguf.uint32(2),
        "clip.vision.is_deepstack_layers": gguf.bools(isDeep),
      };
    },
    tensors: (options, { patchSize, merge }) => [
      ...qwenPatches(options, patchSize),
      vector("v.patch_embd.bias", options.size.width),
      positions(options, patchSize),
      ...blocks(options, fusedLayer),
      ...norm("v.post_ln", options.size.width),
      ...merger("mm.0", "mm.2", options, merge),
      ...deepLayersOf(options.size.layers).flatMap((layer) => [
        ...norm(`v.deepstack.${layer}.norm`, options.size.width * merge ** 2),
        ...merger(`v.deepstack.${layer}.fc1`, `v.deepstack.${layer}.fc2`, options, merge),
      ]),
    ],
  },
  gemma3: {
    type: "gemma3",
    ...{ patchSize: 14, merge: 4, likeClip: false, activation: "gelu" },
    tensors: (options, { patchSize }) => [
      ...siglip(options, patchSize),
      vector("mm.soft_emb_norm.weight", options.size.width),
      // A row for each number of the encoder's output; Gemma's embeddings are numbers of about 1. mtmd transposes it, which needs single numbers.
      {
        ...singleMatrix("mm.input_projection.weight", options.textWidth, options.size.width),
        deviation: 1 / Math.sqrt(options.size.width),
      },
    ],
  },
  llava: {
    type: "mlp",
    ...{ patchSize: 14, merge: 1, likeClip: true },
    tensors: (options, { patchSize }) => [
      { ...vector("v.class_embd", options.size.width), deviation: positionDeviation },
      patches("v.patch_embd.weight", options, patchSize),
      positions(options, patchSize, 1),
      ...norm("v.pre_ln", options.size.width),
      ...blocks(options, biasedLayer),
      ...norm("v.post_ln", options.size.width),
      ...linear("mm.0", options.size.width, options.textWidth),
      ...embedding("mm.2", options.textWidth, options.textWidth),
    ],
  },
  pixtral: {
    type: "pixtral",
    ...{ patchSize: 16, merge: 1, likeClip: true, activation: "silu" },
    tensors: (options, { patchSize }) => [
      patches("v.patch_embd.weight", options, patchSize),
      vector("v.pre_ln.weight", options.size.width),
      ...blocks(options, gatedLayer),
      ...fromSum("mm.1", options),
      ...embedding("mm.2", options.textWidth, options.textWidth),
      { ...vector("v.token_embd.img_break", options.textWidth), deviation: 1 / Math.sqrt(options.textWidth) },
    ],
  },
  idefics3: {
    type: "idefics3",
    ...{ patchSize: 16, merge: 2, likeClip: false, activation: "gelu" },
    metadata: ({ size }) => ({
      "clip.vision.projector.scale_factor": gguf.uint32(2),
      // The longer side of the picture before it is cut into pieces.
      "clip.vision.preproc_image_size": gguf.uint32(size.imageSize * mostPieces),
    }),
    tensors: (options, { patchSize, merge }) => [
      ...siglip(options, patchSize),
      {
        ...matrix("mm.model.fc.weight", options.size.width * merge ** 2, options.textWidth),
        deviation: 1 / Math.sqrt(options.size.width * merge ** 2 * options.textWidth),
      },
    ],
  },
};

/** Pixels of the side of a square that becomes one token. */
export function unitOf(kind: ProjectorKind): number {
  return kinds[kind].patchSize * kinds[kind].merge;
}

export function projectorTensors(kind: ProjectorKind, options: ProjectorOptions): readonly GgufTensor[] {
  return kinds[kind].tensors(options, kinds[kind]);
}

export function projectorMetadata(kind: ProjectorKind, options: ProjectorOptions): Readonly<Record<string, Buffer>> {
  const { size, textWidth } = options;
  const { type, patchSize, likeClip, activation, metadata } = kinds[kind];
  const triple = (...values: readonly number[]): Buffer => gguf.float32s(Float32Array.from(values));
  return {
    "general.architecture": gguf.string("clip"),
    "general.type": gguf.string("mmproj"),
    "clip.has_vision_encoder": gguf.bool(true),
    "clip.projector_type": gguf.string(type),
    "clip.vision.image_size": gguf.uint32(size.imageSize),
    "clip.vision.patch_size": gguf.uint32(patchSize),
    "clip.vision.embedding_length": gguf.uint32(size.width),
    "clip.vision.feed_forward_length": gguf.uint32(feedForwardOf(size)),
    "clip.vision.block_count": gguf.uint32(size.layers),
    "clip.vision.projection_dim": gguf.uint32(textWidth),
    "clip.vision.attention.head_count": gguf.uint32(headsOf(size)),
    "clip.vision.attention.layer_norm_epsilon": gguf.float32(epsilon),
    "clip.vision.image_mean": likeClip ? triple(0.481_454_66, 0.457_827_5, 0.408_210_73) : triple(0.5, 0.5, 0.5),
    "clip.vision.image_std": likeClip ? triple(0.268_629_54, 0.261_302_58, 0.275_777_11) : triple(0.5, 0.5, 0.5),
    ...(activation === undefined ? {} : { [`clip.use_${activation}`]: gguf.bool(true) }),
    ...metadata?.(options),
  };
}

/** Layers whose output goes past the following ones to the text model. Of 24 layers, as in Qwen3-VL-2B, these are 5, 11 and 17. */
function deepLayersOf(layers: number): readonly number[] {
  const parts = deepstackLayers + 1;
  return Array.from({ length: deepstackLayers }, (_, index) => Math.floor(((index + 1) * layers) / parts) - 1);
}

function feedForwardOf({ width }: EncoderSize): number {
  return 4 * width;
}

/** The filters of a convolution that makes each patch a vector, in single precision. */
function patches(name: string, { size: { width } }: ProjectorOptions, patchSize: number): GgufTensor {
  const inputs = 3 * patchSize ** 2;
  const dimensions = [patchSize, patchSize, 3, width];
  return { ...vector(name, inputs * width), dimensions, deviation: 1 / Math.sqrt(inputs) };
}

/** Qwen reads two frames of a video at once. A picture counts as two equal frames. */
function qwenPatches(options: ProjectorOptions, patchSize: number): GgufTensor[] {
  return ["v.patch_embd.weight", "v.patch_embd.weight.1"].map((name) => patches(name, options, patchSize));
}

function positions({ size }: ProjectorOptions, patchSize: number, further = 0): GgufTensor {
  const count = Math.floor(size.imageSize / patchSize) ** 2 + further;
  return { ...singleMatrix("v.position_embd.weight", size.width, count), deviation: positionDeviation };
}

/** The encoder of Gemma 3 and Idefics 3. */
function siglip(options: ProjectorOptions, patchSize: number): GgufTensor[] {
  return [
    patches("v.patch_embd.weight", options, patchSize),
    vector("v.patch_embd.bias", options.size.width),
    positions(options, patchSize),
    ...blocks(options, biasedLayer),
    ...norm("v.post_ln", options.size.width),
  ];
}

function blocks(
  { size }: ProjectorOptions,
  layerOf: (prefix: string, size: EncoderSize) => readonly GgufTensor[],
): GgufTensor[] {
  return Array.from({ length: size.layers }, (_, layer) => layerOf(`v.blk.${layer}`, size)).flat();
}

function biasedLayer(prefix: string, size: EncoderSize): GgufTensor[] {
  const { width } = size;
  return [
    ...["attn_q", "attn_k", "attn_v"].flatMap((part) => linear(`${prefix}.${part}`, width, width)),
    ...restOfLayer(prefix, size),
  ];
}

/** Queries, keys and values in one matrix. */
function fusedLayer(prefix: string, size: EncoderSize): GgufTensor[] {
  return [...linear(`${prefix}.attn_qkv`, size.width, 3 * size.width), ...restOfLayer(prefix, size)];
}

function restOfLayer(prefix: string, size: EncoderSize): GgufTensor[] {
  const { width } = size;
  return [
    ...linear(`${prefix}.attn_out`, width, width),
    ...norm(`${prefix}.ln1`, width),
    ...norm(`${prefix}.ln2`, width),
    ...linear(`${prefix}.ffn_up`, width, feedForwardOf(size)),
    ...linear(`${prefix}.ffn_down`, feedForwardOf(size), width),
  ];
}

/** Without biases, as in a text model. */
function gatedLayer(prefix: string, size: EncoderSize): GgufTensor[] {
  const { width } = size;
  return [
    ...["attn_q", "attn_k", "attn_v", "attn_out"].map((part) => matrix(`${prefix}.${part}.weight`, width, width)),
    vector(`${prefix}.ln1.weight`, width),
    vector(`${prefix}.ln2.weight`, width),
    matrix(`${prefix}.ffn_gate.weight`, width, feedForwardOf(size)),
    matrix(`${prefix}.ffn_up.weight`, width, feedForwardOf(size)),
    matrix(`${prefix}.ffn_down.weight`, feedForwardOf(size), width),
  ];
}

function norm(name: string, length: number): GgufTensor[] {
  return [vector(`${name}.weight`, length), vector(`${name}.bias`, length)];
}

function linear(name: string, columns: number, rows: number): GgufTensor[] {
  return [matrix(`${name}.weight`, columns, rows), vector(`${name}.bias`, rows)];
}

/** The first matrix of a projection of the sum of all layers, which no norm precedes. Each layer adds about half of the variance of its input. */
function fromSum(name: string, { size: { width, layers }, textWidth }: ProjectorOptions): GgufTensor[] {
  const [weight, bias] = linear(name, width, textWidth) as [GgufTensor, GgufTensor];
  return [{ ...weight, deviation: 1 / Math.sqrt(width * (1 + layers / 2)) }, bias];
}

/** Makes a token of neighbouring patches. */
function merger(first: string, second: string, { size, textWidth }: ProjectorOptions, merge: number): GgufTensor[] {
  const columns = size.width * merge ** 2;
  return [...linear(first, columns, columns), ...embedding(second, columns, textWidth)];
}

/** The last matrix of a projection, after GELU. Its output has the scale of the text model's embeddings. */
function embedding(name: string, columns: number, textWidth: number): GgufTensor[] {
  const deviation = 1 / Math.sqrt(columns * textWidth) / geluDeviation;
  const [weight, bias] = linear(name, columns, textWidth) as [GgufTensor, GgufTensor];
  return [{ ...weight, deviation }, bias];
}
