// Owns the settings for loading a model: KV cache, GPU layers, LoRA adapters, RoPE and memory.
import { CacheTypeSchema, FlashAttentionSchema, RopeScalingSchema } from "@waggle/protocol";
import { gpuLayers, loraFiles, maxPathChars } from "../model-values.ts";
import {
  advancedSetting,
  boolean,
  booleanValue,
  decimal,
  inGroup,
  integer,
  oneOf,
  setting,
  text,
} from "@waggle/daemon";

const cacheTypes = CacheTypeSchema.options;

export const modelOptions = {
  ...inGroup("Engine", {
    batchSize: setting("--batch-size <tokens>", integer(16, 8_192), {
      help: "largest number of tokens in a forward pass, 16 to 8192; at least --slots",
      defaultText: "512; 256 for recurrent models",
    }),
    cacheTypeK: setting("--cache-type-k <type>", oneOf(cacheTypes), {
      help: `number type of the K cache: ${cacheTypes.join(", ")}`,
      default: "f16",
    }),
    cacheTypeV: setting("--cache-type-v <type>", oneOf(cacheTypes), {
      help: "number type of the V cache; quantized types need flash attention",
      default: "f16",
    }),
    flashAttention: setting("--flash-attention <when>", oneOf(FlashAttentionSchema.options), {
      help: "on, off, or auto: on unless a measurement shows that the CPU is faster without",
      default: "auto",
    }),
    gpuLayers: setting("--gpu-layers <n>", gpuLayers(), {
      help: "layers to put on a GPU: auto (as many as fit), all, or a number",
      default: "auto",
    }),
    mmap: setting(`--mmap <${booleanValue}>`, boolean(), {
      help: "map the model file into memory; false reads the whole file at load",
      default: "true",
    }),
    mlock: setting("--mlock", boolean(), {
      help: "lock the weights in memory, so that they are never swapped out",
      default: "false",
    }),
  }),
  ...inGroup("Model", {
    lora: setting("--lora <file[=scale]>", loraFiles(), {
      help: "LoRA adapter to load with the model, and its scale, by default 1 (repeatable)",
      repeatable: ",",
    }),
    mmproj: setting("--mmproj <file>", text(1, maxPathChars), {
      help: "projector to read pictures: auto (found next to the model), none, or a file",
      default: "auto",
    }),
    maxPicturePixels: setting("--max-picture-pixels <pixels>", integer(4_096, 100_000_000), {
      help: "largest picture that the model gets, 4096 to 100000000; others are scaled down",
      // A screenshot of 1920 by 1080 pixels keeps its size.
      default: "2100000",
    }),
    ropeScaling: advancedSetting("--rope-scaling <method>", oneOf(RopeScalingSchema.options), {
      help: `method for a context longer than the trained one: ${RopeScalingSchema.options.join(", ")}`,
      defaultText: "the GGUF's",
    }),
    ropeFreqBase: advancedSetting("--rope-freq-base <number>", decimal(1, 1e12), {
      help: "base of the RoPE frequencies, 1 to 1e12",
      defaultText: "the GGUF's",
    }),
    ropeFreqScale: advancedSetting("--rope-freq-scale <number>", decimal(0.001, 1), {
      help: "factor of the RoPE frequencies, 0.001 to 1; 0.5 doubles the trained context",
      defaultText: "the GGUF's",
    }),
    yarnOrigCtx: advancedSetting("--yarn-orig-ctx <tokens>", integer(16, 16_777_216), {
      help: "context that the model was trained on, before YaRN extended it",
      defaultText: "the GGUF's, else its trained context",
    }),
  }),
};
