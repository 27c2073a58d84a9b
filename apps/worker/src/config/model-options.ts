// Owns the settings of how a model is loaded: its KV cache, its layers on a GPU, adapters, positions and memory.
import { CacheTypeSchema, FlashAttentionSchema, RopeScalingSchema } from "@waggle/protocol";
import { gpuLayers, loraFiles } from "./model-values.ts";
import { boolean, booleanValue, decimal, integer, oneOf, type OptionRows } from "@waggle/daemon";

const cacheTypes = CacheTypeSchema.options;

export const modelOptions = {
  batchSize: {
    flag: "batch-size",
    value: "tokens",
    group: "Engine",
    help: "most tokens in a forward pass, 16 to 8192, and never less than one for each slot",
    schema: integer(16, 8_192),
    defaultText: "512; 256 for recurrent models",
  },
  cacheTypeK: {
    flag: "cache-type-k",
    value: "type",
    group: "Engine",
    help: `numbers of the K cache: ${cacheTypes.join(", ")}`,
    schema: oneOf(cacheTypes),
    default: "f16",
  },
  cacheTypeV: {
    flag: "cache-type-v",
    value: "type",
    group: "Engine",
    help: "numbers of the V cache, likewise; the quantized ones need flash attention",
    schema: oneOf(cacheTypes),
    default: "f16",
  },
  flashAttention: {
    flag: "flash-attention",
    value: "when",
    group: "Engine",
    help: "on, off, or auto: where the model can be computed with it",
    schema: oneOf(FlashAttentionSchema.options),
    default: "auto",
  },
  gpuLayers: {
    flag: "gpu-layers",
    value: "n",
    group: "Engine",
    help: "layers that a GPU holds: auto as many as fit, all, or a number",
    schema: gpuLayers(),
    default: "auto",
  },
  mmap: {
    flag: "mmap",
    value: booleanValue,
    group: "Engine",
    help: "use the weights where the file lies, in pages that the system reads when they are needed; false reads all of it first",
    schema: boolean(),
    default: "true",
  },
  mlock: {
    flag: "mlock",
    group: "Engine",
    help: "keep the weights in memory, never swapped out or dropped; where the limit is too small the log says so",
    schema: boolean(),
    default: "false",
  },
  lora: {
    flag: "lora",
    value: "file[=scale]",
    group: "Model",
    help: "LoRA adapter to load beside the model, scaled by 1 or by this; may be given several times",
    schema: loraFiles(),
    repeatable: ",",
  },
  ropeScaling: {
    flag: "rope-scaling",
    value: "method",
    group: "Model",
    help: `how a longer context than the trained one is reached: ${RopeScalingSchema.options.join(", ")}`,
    schema: oneOf(RopeScalingSchema.options),
    defaultText: "the GGUF's own",
  },
  ropeFreqBase: {
    flag: "rope-freq-base",
    value: "number",
    group: "Model",
    help: "base of the rotary positions' frequencies, 1 to 1e12",
    schema: decimal(1, 1e12),
    defaultText: "the GGUF's own",
  },
  ropeFreqScale: {
    flag: "rope-freq-scale",
    value: "number",
    group: "Model",
    help: "factor of the frequencies, 0.001 to 1; 0.5 reaches twice the trained context",
    schema: decimal(0.001, 1),
    defaultText: "the GGUF's own",
  },
  yarnOrigCtx: {
    flag: "yarn-orig-ctx",
    value: "tokens",
    group: "Model",
    help: "context that the model was trained on before it was stretched by YaRN",
    schema: integer(16, 16_777_216),
    defaultText: "the GGUF's own, else its trained context",
  },
} as const satisfies OptionRows;
