// Chooses the block type of each matrix, after llama.cpp's llama-quant.cpp.
import { blocks, matrix, type BlockType, type GgufTensor } from "./gguf.ts";

export const quantizations = ["Q8_0", "Q4_K_M"] as const;
export type Quantization = (typeof quantizations)[number];

/** @param layers the number of layers of the model */
export function quantized(
  tensors: readonly GgufTensor[],
  quantization: Quantization,
  layers: number,
): readonly GgufTensor[] {
  if (quantization === "Q8_0") return tensors;
  // Without an output matrix, llama.cpp uses the embedding matrix instead.
  const output = tensors.some(({ name }) => name === "output.weight") ? "output.weight" : "token_embd.weight";
  return tensors.map((tensor) => {
    const { name, type, dimensions } = tensor;
    const [columns = 1, rows = 1] = dimensions;
    // llama.cpp quantizes only matrices, and not the embeddings of positions.
    if (type === "f32" || rows === 1 || name === "position_embd.weight") return tensor;
    return {
      ...tensor,
      ...matrix(name, columns, rows, blockTypeOf(name === output || getsMoreBits(name, layers), columns)),
    };
  });
}

/** The type in Q4_K_M. Columns that do not fill blocks of 256 weights get blocks of 32 weights. */
function blockTypeOf(moreBits: boolean, columns: number): BlockType {
  const fits = columns % blocks.q4_K.weights === 0;
  if (moreBits) return fits ? "q6_K" : "q8_0";
  return fits ? "q4_K" : "q5_0";
}

/** About half of two matrices whose errors matter most. */
function getsMoreBits(name: string, layers: number): boolean {
  const [, layer] = /^blk\.(\d+)\.(?:attn_v|ffn_down)\.weight$/.exec(name) ?? [];
  if (layer === undefined) return false;
  const [index, eighth] = [Number(layer), Math.floor(layers / 8)];
  return index < eighth || index >= Math.floor((7 * layers) / 8) || (index - eighth) % 3 === 2;
}
