// Owns the settings for loading a model: KV cache, GPU layers, LoRA adapters, RoPE and memory.
import { CacheTypeSchema, FlashAttentionSchema, RopeScalingSchema } from "@waggle/protocol";
import { gpuLayers, loraFiles } from "../model-values.ts";
import { boolean, booleanValue, decimal, integer, oneOf, type OptionRows } from "@waggle/daemon";

const cacheTypes = CacheTypeSchema.options;

export const modelOptions = {
  batchSize: {
    flag: "batch-size",
    value: "tokens",
    group: "Engine",
    help: "largest number of tokens in a forward pass, 16 to 8192; at least --slots",
    schema: integer(16, 8_192),
    defaultText: "512; 256 for recurrent models",
  },
  cacheTypeK: {
    flag: "cache-type-k",
    value: "type",
    group: "Engine",
    help: `number type of the K cache: ${cacheTypes.join(", ")}`,
    schema: oneOf(cacheTypes),
    default: "f16",
  },
  cacheTypeV: {
    flag: "cache-type-v",
    value: "type",
    group: "Engine",
    help: "number type of the V cache; quantized types need flash attention",
    schema: oneOf(cacheTypes),
    default: "f16",
  },
  flashAttention: {
    flag: "flash-attention",
    value: "when",
    group: "Engine",
    help: "on, off, or auto: on if the model supports it",
    schema: oneOf(FlashAttentionSchema.options),
    default: "auto",
  },
  gpuLayers: {
    flag: "gpu-layers",
    value: "n",
    group: "Engine",
    help: "layers to put on a GPU: auto (as many as fit), all, or a number",
    schema: gpuLayers(),
    default: "auto",
  },
  mmap: {
    flag: "mmap",
    value: booleanValue,
    group: "Engine",
    help: "map the model file into memory; false reads the whole file at load",
    schema: boolean(),
    default: "true",
  },
  mlock: {
    flag: "mlock",
    group: "Engine",
    help: "lock the weights in memory, so that they are never swapped out",
    schema: boolean(),
    default: "false",
  },
  lora: {
    flag: "lora",
    value: "file[=scale]",
    group: "Model",
    help: "LoRA adapter to load with the model, and its scale, by default 1 (repeatable)",
    schema: loraFiles(),
    repeatable: ",",
  },
  ropeScaling: {
    flag: "rope-scaling",
    value: "method",
    group: "Model",
    help: `method for a context longer than the trained one: ${RopeScalingSchema.options.join(", ")}`,
    schema: oneOf(RopeScalingSchema.options),
    defaultText: "the GGUF's",
    advanced: true,
  },
  ropeFreqBase: {
    flag: "rope-freq-base",
    value: "number",
    group: "Model",
    help: "base of the RoPE frequencies, 1 to 1e12",
    schema: decimal(1, 1e12),
    defaultText: "the GGUF's",
    advanced: true,
  },
  ropeFreqScale: {
    flag: "rope-freq-scale",
    value: "number",
    group: "Model",
    help: "factor of the RoPE frequencies, 0.001 to 1; 0.5 doubles the trained context",
    schema: decimal(0.001, 1),
    defaultText: "the GGUF's",
    advanced: true,
  },
  yarnOrigCtx: {
    flag: "yarn-orig-ctx",
    value: "tokens",
    group: "Model",
    help: "context that the model was trained on, before YaRN extended it",
    schema: integer(16, 16_777_216),
    defaultText: "the GGUF's, else its trained context",
    advanced: true,
  },
} as const satisfies OptionRows;
