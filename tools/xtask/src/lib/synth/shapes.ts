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
}

/** All with tied embeddings, as the models of these sizes have them. */
export const shapes: readonly ModelShape[] = [
  {
    name: "15m",
    like: "stories15M",
    layers: 6,
    width: 288,
    heads: 6,
    kvHeads: 6,
    feedForward: 768,
    vocabulary: 32_000,
    context: 2_048,
  },
  {
    name: "135m",
    like: "SmolLM2-135M",
    layers: 30,
    width: 576,
    heads: 9,
    kvHeads: 3,
    feedForward: 1_536,
    vocabulary: 49_152,
    context: 8_192,
  },
  {
    name: "360m",
    like: "SmolLM2-360M",
    layers: 32,
    width: 960,
    heads: 15,
    kvHeads: 5,
    feedForward: 2_560,
    vocabulary: 49_152,
    context: 8_192,
  },
  {
    name: "500m",
    like: "Qwen2.5-0.5B",
    layers: 24,
    width: 896,
    heads: 14,
    kvHeads: 2,
    feedForward: 4_864,
    vocabulary: 151_936,
    context: 8_192,
  },
  {
    name: "1b",
    like: "Llama-3.2-1B",
    layers: 16,
    width: 2_048,
    heads: 32,
    kvHeads: 8,
    feedForward: 8_192,
    vocabulary: 128_256,
    context: 8_192,
  },
];

/** @throws Error naming the shapes there are */
export function shapeNamed(name: string): ModelShape {
  const shape = shapes.find((candidate) => candidate.name === name);
  if (shape !== undefined) return shape;
  throw new Error(`Cannot use --shape ${name}: it must be one of ${shapes.map((known) => known.name).join(", ")}`);
}
