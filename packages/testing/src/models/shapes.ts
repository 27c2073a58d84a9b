// Owns the shapes of real models: the sizes of their tensors, without the weights.

export interface ModelShape {
  readonly name: string;
  /** The real model with this shape. */
  readonly like: string;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  /** Context length in tokens, as the file reports it. */
  readonly context: number;
  /** Purpose of an encoder, a model that generates no text: embeddings, or relevance scores of texts. */
  readonly encoder?: "embed" | "rerank";
  /** Architecture of a decoder with attention, for the names and the choice of its tensors. `llama` by default. */
  readonly architecture?: "llama" | "qwen3" | "gemma3" | "qwen2vl" | "qwen3vl";
  /** Size of a head, if it is not the width divided by the number of heads. */
  readonly headSize?: number;
  /** Tokens in the attention window. Five of six layers have this window. */
  readonly window?: number;
  /**
   * Factor of the attention scores; 1 by default, where a token attends to all others nearly alike. With a larger one it attends to few, so that an
   * answer depends on every part of the prompt and does not repeat one token.
   */
  readonly sharpness?: number;
  /** A recurrent model: its memory is the state after the last token. It has no attention heads and no feed-forward part. */
  readonly recurrent?: true;
}

/** Small decoders with tied embeddings. The columns are the fields in their order. */
const rows = [
  ["15m", "stories15M", 6, 288, 6, 6, 768, 32_000, 2_048],
  ["135m", "SmolLM2-135M", 30, 576, 9, 3, 1_536, 49_152, 8_192],
  ["360m", "SmolLM2-360M", 32, 960, 15, 5, 2_560, 49_152, 8_192],
  ["500m", "Qwen2.5-0.5B", 24, 896, 14, 2, 4_864, 151_936, 8_192],
  ["1b", "Llama-3.2-1B", 16, 2_048, 32, 8, 8_192, 128_256, 8_192],
] as const;

/** Sizes of all-MiniLM-L6-v2. The reranker ms-marco-MiniLM-L6-v2 has the same sizes. */
const miniLm = { layers: 6, width: 384, heads: 12, kvHeads: 12, feedForward: 1_536, vocabulary: 30_522, context: 512 };

/** Sizes of mamba-130m. */
const mamba = { layers: 24, width: 768, heads: 0, kvHeads: 0, feedForward: 0, vocabulary: 50_280, context: 8_192 };

/** Has normalized heads that are larger than the width divided by their number. */
const qwen: ModelShape = {
  name: "qwen",
  like: "Qwen3-0.6B",
  ...{ layers: 28, width: 1_024, heads: 16, kvHeads: 8, headSize: 128, feedForward: 3_072 },
  ...{ vocabulary: 151_936, context: 40_960, architecture: "qwen3" },
};

/** Has a large vocabulary, and layers with an attention window. */
const gemma: ModelShape = {
  name: "gemma",
  like: "gemma-3-270m",
  ...{ layers: 18, width: 640, heads: 4, kvHeads: 1, headSize: 256, feedForward: 2_048 },
  ...{ vocabulary: 262_144, context: 32_768, architecture: "gemma3", window: 512 },
};

export const shapes: readonly ModelShape[] = [
  ...rows.map(([name, like, layers, width, heads, kvHeads, feedForward, vocabulary, context]) => {
    return { name, like, layers, width, heads, kvHeads, feedForward, vocabulary, context };
  }),
  qwen,
  gemma,
  { name: "embed", like: "all-MiniLM-L6-v2", ...miniLm, encoder: "embed" },
  { name: "rerank", like: "ms-marco-MiniLM-L6-v2", ...miniLm, encoder: "rerank" },
  { name: "mamba", like: "mamba-130m", ...mamba, recurrent: true },
];

/** @throws Error naming the shapes there are */
export function shapeNamed(name: string): ModelShape {
  const shape = shapes.find((candidate) => candidate.name === name);
  if (shape !== undefined) return shape;
  throw new Error(`Cannot use --shape ${name}: it must be one of ${shapes.map((known) => known.name).join(", ")}`);
}

/** @throws Error for a shape without attention or without answers; like `shapeNamed` */
export function decoderNamed(name: string): ModelShape {
  const shape = shapeNamed(name);
  if (shape.encoder === undefined && shape.recurrent !== true) return shape;
  throw new Error(`Cannot use --shape ${name}: it must be a decoder with attention`);
}
