// Owns the metadata and tensors of a made-up recurrent model: the mamba architecture, with llama.cpp's names. Its memory is one state, which cannot
// be truncated.
import { block, gguf, matrix, singleMatrix, vector, type GgufTensor } from "./gguf.ts";
import type { ModelShape } from "./shapes.ts";

/** State numbers for each channel, and tokens in the convolution's window; the same in all models of the family. */
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
  return [
    matrix("token_embd.weight", width, vocabulary),
    vector("output_norm.weight", width),
    ...Array.from({ length: layers }, (_, layer) => [
      vector(`blk.${layer}.attn_norm.weight`, width),
      matrix(`blk.${layer}.ssm_in.weight`, width, 2 * inner),
      singleMatrix(`blk.${layer}.ssm_conv1d.weight`, convolution, inner),
      vector(`blk.${layer}.ssm_conv1d.bias`, inner),
      matrix(`blk.${layer}.ssm_x.weight`, inner, rank + 2 * stateSize),
      matrix(`blk.${layer}.ssm_dt.weight`, rank, inner),
      vector(`blk.${layer}.ssm_dt.bias`, inner),
      singleMatrix(`blk.${layer}.ssm_a`, stateSize, inner),
      vector(`blk.${layer}.ssm_d`, inner),
      matrix(`blk.${layer}.ssm_out.weight`, inner, width),
    ]).flat(),
  ];
}

/** llama.cpp accepts no other factor than 2. */
function innerWidth(width: number): number {
  return 2 * width;
}

/** A sixteenth of the width, rounded up to whole blocks. */
function stepRank(width: number): number {
  return Math.ceil(width / 16 / block.weights) * block.weights;
}
