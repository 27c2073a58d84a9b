// Lists the shapes of recommended models, which are published in config.json next to the weights. The memory of a model is computed from its shape.

export interface KnownShape {
  readonly name: string;
  /** llama.cpp's name of the architecture. */
  readonly architecture: "llama" | "qwen2" | "qwen3" | "qwen3moe" | "gemma3" | "gpt-oss";
  readonly layers: number;
  readonly width: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headLength: number;
  readonly vocabulary: number;
  /** Trained context, in tokens. */
  readonly context: number;
  /** Whether input and output share one embedding matrix. */
  readonly tied: boolean;
  readonly slidingWindow?: number;
  readonly experts?: { readonly count: number; readonly used: number; readonly feedForward: number };
  /** llama.cpp's number of the pooling of a model that embeds. */
  readonly pooling?: number;
  readonly quantization: "Q4_K_M" | "Q8_0" | "MXFP4";
}

const qwen = { headLength: 128, vocabulary: 151_936, quantization: "Q4_K_M" } as const;
const llama3 = { architecture: "llama", headLength: 128, vocabulary: 128_256, context: 131_072 } as const;
const gemma = { architecture: "gemma3", vocabulary: 262_144, context: 131_072, tied: true } as const;

const knownShapes: readonly KnownShape[] = [
  {
    ...{ ...qwen, name: "Qwen3 0.6B", architecture: "qwen3", layers: 28, width: 1_024, feedForward: 3_072 },
    ...{ heads: 16, kvHeads: 8, context: 40_960, tied: true, quantization: "Q8_0" },
  },
  {
    ...{ ...llama3, name: "Llama 3.2 3B", layers: 28, width: 3_072, feedForward: 8_192, heads: 24, kvHeads: 8 },
    ...{ tied: true, quantization: "Q4_K_M" },
  },
  {
    ...{ ...gemma, name: "Gemma 3 4B", layers: 34, width: 2_560, feedForward: 10_240, heads: 8, kvHeads: 4 },
    ...{ headLength: 256, slidingWindow: 1_024, quantization: "Q4_K_M" },
  },
  {
    ...{ ...qwen, name: "Qwen3 4B", architecture: "qwen3", layers: 36, width: 2_560, feedForward: 9_728 },
    ...{ heads: 32, kvHeads: 8, context: 40_960, tied: true },
  },
  {
    ...{ ...qwen, name: "Qwen2.5 7B", architecture: "qwen2", layers: 28, width: 3_584, feedForward: 18_944 },
    ...{ vocabulary: 152_064, heads: 28, kvHeads: 4, context: 32_768, tied: false },
  },
  {
    ...{ ...qwen, name: "Qwen3 8B", architecture: "qwen3", layers: 36, width: 4_096, feedForward: 12_288 },
    ...{ heads: 32, kvHeads: 8, context: 40_960, tied: false },
  },
  {
    ...{ ...gemma, name: "Gemma 3 12B", layers: 48, width: 3_840, feedForward: 15_360, heads: 16, kvHeads: 8 },
    ...{ headLength: 256, slidingWindow: 1_024, quantization: "Q4_K_M" },
  },
  {
    ...{ ...qwen, name: "Qwen3 14B", architecture: "qwen3", layers: 40, width: 5_120, feedForward: 17_408 },
    ...{ heads: 40, kvHeads: 8, context: 40_960, tied: false },
  },
  {
    ...{ name: "gpt-oss 20B", architecture: "gpt-oss", layers: 24, width: 2_880, feedForward: 2_880, heads: 64 },
    ...{ kvHeads: 8, headLength: 64, vocabulary: 201_088, context: 131_072, tied: false, slidingWindow: 128 },
    ...{ experts: { count: 32, used: 4, feedForward: 2_880 }, quantization: "MXFP4" },
  },
  {
    ...{ ...gemma, name: "Gemma 3 27B", layers: 62, width: 5_376, feedForward: 21_504, heads: 32, kvHeads: 16 },
    ...{ headLength: 128, slidingWindow: 1_024, quantization: "Q4_K_M" },
  },
  {
    ...{ ...qwen, name: "Qwen3 30B A3B", architecture: "qwen3moe", layers: 48, width: 2_048, feedForward: 6_144 },
    ...{ heads: 32, kvHeads: 4, context: 40_960, tied: false },
    experts: { count: 128, used: 8, feedForward: 768 },
  },
  {
    ...{ ...llama3, name: "Llama 3.3 70B", layers: 80, width: 8_192, feedForward: 28_672, heads: 64, kvHeads: 8 },
    ...{ tied: false, quantization: "Q4_K_M" },
  },
];

/** The shape of a file that differs from a known one in the given fields only. @throws Error for a name that is not in the list */
export function shapeLike(name: string, other: Partial<KnownShape> = {}): KnownShape {
  const shape = knownShapes.find((one) => one.name === name);
  if (shape === undefined) throw new Error(`Cannot find the shape of ${name}: known-shapes.ts does not list it`);
  return { ...shape, ...other };
}
