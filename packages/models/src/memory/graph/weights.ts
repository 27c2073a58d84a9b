// Owns where weights lie, on the host or on a GPU, and how many bytes they take there.
import type { GgufHeader } from "../../header/index.ts";

export interface Split {
  readonly host: number;
  readonly gpu: number;
}

const alignmentBytes = 32;
/** Read token by token, so they stay on the host whatever else goes to a GPU (`LLM_TENSOR_LAYER_INPUT` of llama-arch.cpp). */
const inputTensors = /^(token_embd|token_embd_norm|token_types|position_embd|per_layer_token_embd)\./;
/** Types that the CPU rearranges before it computes with them, by processor. */
const repackedTypes: Readonly<Record<string, ReadonlySet<string>>> = {
  x64: new Set(["Q4_0", "Q4_K", "IQ4_NL", "MXFP4"]),
  arm64: new Set(["Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "IQ4_NL", "MXFP4"]),
};

export interface WeightsOptions {
  /** Those of the file, without the ones that only guess further tokens. */
  readonly layers: number;
  readonly gpuLayers: number;
  /** `process.arch` of the machine. */
  readonly processor: string;
}

export function weightBytes({ tensors }: Pick<GgufHeader, "tensors">, options: WeightsOptions): Split {
  const { layers, gpuLayers, processor } = options;
  const firstGpuLayer = Math.max(0, layers + 1 - gpuLayers);
  const outputOnGpu = gpuLayers > layers;
  let [host, gpu] = [0, 0];
  for (const { name, bytes } of tensors) {
    const layer = /^blk\.(\d+)\./.exec(name)?.[1];
    const onGpu = layer === undefined ? outputOnGpu && !inputTensors.test(name) : Number(layer) >= firstGpuLayer;
    if (onGpu && gpuLayers > 0) gpu += aligned(bytes);
    else host += aligned(bytes);
  }
  // A model without an output matrix computes with that of its tokens, which is then in both places.
  const embedding = tensors.find(({ name }) => name === "token_embd.weight");
  if (embedding === undefined || tensors.some(({ name }) => name === "output.weight")) return { host, gpu };
  if (outputOnGpu && gpuLayers > 0) return { host, gpu: gpu + aligned(embedding.bytes) };
  const repacked = repackedTypes[processor]?.has(embedding.type) === true;
  return { host: host + (repacked ? aligned(embedding.bytes) : 0), gpu };
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes;
}
