// Divides the bytes of a model's weights between the host and a GPU.
import type { GgufHeader } from "../../header/index.ts";

/** TENSOR_ALIGNMENT of ggml. GPUs have a larger alignment, which is too small to matter for megabytes of weights. */
const alignmentBytes = 32;

export interface Split {
  readonly host: number;
  readonly gpu: number;
}

/** Tensors that are read row by row. They stay on the host, even if all layers are on a GPU (`LLM_TENSOR_LAYER_INPUT` of llama-arch.cpp). */
const inputTensors = /^(token_embd|token_embd_norm|token_types|position_embd|per_layer_token_embd)\./;
/** For each `process.arch`, the tensor types that the CPU backend repacks before a computation. */
const repackedTypes: Readonly<Record<string, ReadonlySet<string>>> = {
  x64: new Set(["Q4_0", "Q4_K", "IQ4_NL", "MXFP4"]),
  arm64: new Set(["Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "IQ4_NL", "MXFP4"]),
};

export interface WeightsOptions {
  /** Number of layers, without the layers for multi-token prediction. */
  readonly layers: number;
  readonly gpuLayers: number;
  /** `process.arch` of the machine that runs the model. */
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
  // A model without an output matrix uses its token embeddings instead. If the output is on a GPU, they are on the host and on the GPU.
  const embedding = tensors.find(({ name }) => name === "token_embd.weight");
  if (embedding === undefined || tensors.some(({ name }) => name === "output.weight")) return { host, gpu };
  if (outputOnGpu && gpuLayers > 0) return { host, gpu: gpu + aligned(embedding.bytes) };
  const repacked = repackedTypes[processor]?.has(embedding.type) === true;
  return { host: host + (repacked ? aligned(embedding.bytes) : 0), gpu };
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / alignmentBytes) * alignmentBytes;
}
