// Owns the parts of a made-up recurrent model's file, of the mamba architecture by llama.cpp's names: its memory is one state, which cannot be cut.
import { block, gguf, matrix, vector, type GgufTensor } from "./gguf.ts";
import type { ModelShape } from "./shapes.ts";

/** Numbers of state for each channel, and tokens that its convolution sees, as all models of the family have them. */
const stateSize = 16;
const convolution = 4;

export function recurrentMetadata({ width }: ModelShape): Readonly<Record<string, Buffer>> {
  return {
    "mamba.ssm.conv_kernel": gguf.uint32(convolution),
    "mamba.ssm.inner_size": gguf.uint32(innerWidth(width)),
    "mamba.ssm.state_size": gguf.uint32(stateSize),
    "mamba.ssm.time_step_rank": gguf.uint32(stepRank(width)),
  };
}

export function recurrentTensors({ layers, width, vocabulary }: ModelShape): GgufTensor[] {
  const [inner, rank] = [innerWidth(width), stepRank(width)];
  const single = (name: string, columns: number): GgufTensor => {
    return { ...vector(name, columns * inner), dimensions: [columns, inner] };
  };
  return [
    matrix("token_embd.weight", width, vocabulary),
    vector("output_norm.weight", width),
    ...Array.from({ length: layers }, (_, layer) => [
      vector(`blk.${layer}.attn_norm.weight`, width),
      matrix(`blk.${layer}.ssm_in.weight`, width, 2 * inner),
      single(`blk.${layer}.ssm_conv1d.weight`, convolution),
      vector(`blk.${layer}.ssm_conv1d.bias`, inner),
      matrix(`blk.${layer}.ssm_x.weight`, inner, rank + 2 * stateSize),
      matrix(`blk.${layer}.ssm_dt.weight`, rank, inner),
      vector(`blk.${layer}.ssm_dt.bias`, inner),
      single(`blk.${layer}.ssm_a`, stateSize),
      vector(`blk.${layer}.ssm_d`, inner),
      matrix(`blk.${layer}.ssm_out.weight`, inner, width),
    ]).flat(),
  ];
}

/** llama.cpp takes no other factor. */
function innerWidth(width: number): number {
  return 2 * width;
}

/** A sixteenth of the width, in whole blocks. */
function stepRank(width: number): number {
  return Math.ceil(width / 16 / block.weights) * block.weights;
}
