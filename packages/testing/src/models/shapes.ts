// Owns the shapes of real models: how many weights stand where, and nothing of what they say.

export interface ModelShape {
  readonly name: string;
  /** The model whose shape it is. */
  readonly like: string;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  /** Tokens that it claims to be trained on. */
  readonly context: number;
  /** It reads a text as a whole and writes none: what becomes of it is a vector, or how well a text fits another one. */
  readonly encoder?: "embed" | "rerank";
  /** Of a decoder with attention: by which architecture's names and with which of its tensors. `llama` unless given. */
  readonly architecture?: "llama" | "qwen3" | "gemma3";
  /** Numbers of a head, where that is not the width divided by the heads. */
  readonly headSize?: number;
  /** Tokens that five of six layers look back on. */
  readonly window?: number;
  /** Its memory of a text is one state, after its last token. It has neither heads nor a feed-forward part. */
  readonly recurrent?: true;
}

/** All with tied embeddings, as the models of these sizes have them. In the order of the fields. */
const rows = [
  ["15m", "stories15M", 6, 288, 6, 6, 768, 32_000, 2_048],
  ["135m", "SmolLM2-135M", 30, 576, 9, 3, 1_536, 49_152, 8_192],
  ["360m", "SmolLM2-360M", 32, 960, 15, 5, 2_560, 49_152, 8_192],
  ["500m", "Qwen2.5-0.5B", 24, 896, 14, 2, 4_864, 151_936, 8_192],
  ["1b", "Llama-3.2-1B", 16, 2_048, 32, 8, 8_192, 128_256, 8_192],
] as const;

/** Their matrices: all-MiniLM-L6-v2's, and so are those of the reranker ms-marco-MiniLM-L6-v2. */
const miniLm = { layers: 6, width: 384, heads: 12, kvHeads: 12, feedForward: 1_536, vocabulary: 30_522, context: 512 };

/** Its matrices. */
const mamba = { layers: 24, width: 768, heads: 0, kvHeads: 0, feedForward: 0, vocabulary: 50_280, context: 8_192 };

/** Heads larger than their part of the width, and normed. */
const qwen: ModelShape = {
  name: "qwen",
  like: "Qwen3-0.6B",
  ...{ layers: 28, width: 1_024, heads: 16, kvHeads: 8, headSize: 128, feedForward: 3_072 },
  ...{ vocabulary: 151_936, context: 40_960, architecture: "qwen3" },
};

/** A large vocabulary, and layers that look back on a window only. */
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
