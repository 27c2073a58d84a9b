// Owns the settings with which a model is loaded. Flags, messages between the processes, and the worker's info share these settings.
import { z } from "zod";

/** Number types of the KV cache, by llama.cpp's names. The quantized types store 32 numbers with a common scale. */
export const CacheTypeSchema = z.enum(["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]);
export type CacheType = z.infer<typeof CacheTypeSchema>;

export const FlashAttentionSchema = z.enum(["auto", "on", "off"]);
export type FlashAttention = z.infer<typeof FlashAttentionSchema>;

/** Methods that scale positions beyond the trained context into the trained range. */
export const RopeScalingSchema = z.enum(["none", "linear", "yarn"]);
export type RopeScaling = z.infer<typeof RopeScalingSchema>;

/** A LoRA adapter. Its changes to the model's weights are multiplied by its scale. */
export const LoraAdapterSchema = z
  .object({
    id: z.int().nonnegative().describe("The adapter's position among the worker's --lora flags."),
    file: z.string().describe("Name of the adapter's file, without its folder."),
    scale: z.number().describe("Scale of the adapter for requests that set no scale; at 0, the adapter is off."),
  })
  .meta({ id: "LoraAdapter" });
export type LoraAdapter = z.infer<typeof LoraAdapterSchema>;

/** Limit for a scale: far above any useful scale, so the limit only keeps the numbers finite. */
export const maxLoraScale = 1_000;
export const maxLoraAdapters = 64;

/** The adapters that a request selects. */
export const LoraChoiceSchema = z
  .array(
    z.strictObject({
      id: z
        .int()
        .min(0)
        .max(maxLoraAdapters - 1),
      scale: z.number().min(-maxLoraScale).max(maxLoraScale),
    }),
  )
  .max(maxLoraAdapters)
  .describe(
    "Adapters of /lora-adapters with scales that replace the worker's scales. Adapters that are not listed are off. Only requests with the same adapters share a batch.",
  );
export type LoraChoice = z.infer<typeof LoraChoiceSchema>;

export const LoadedSettingsSchema = z
  .object({
    batch_size: z.int().positive().describe("Maximum number of tokens in a step."),
    cache_type_k: CacheTypeSchema,
    cache_type_v: CacheTypeSchema,
    flash_attention: z.boolean(),
    gpu_layers: z.int().nonnegative().describe("Number of layers on a GPU."),
    mmap: z.boolean().describe("Whether the weights are memory-mapped from the file."),
    mlock: z.boolean().describe("Whether locking the weights in memory was requested."),
    rope: z
      .object({
        scaling: z.string().describe("RoPE scaling: none, linear, yarn, or the method that the model's file names."),
        freq_base: z.number().optional(),
        freq_scale: z.number(),
        yarn_orig_ctx: z.int().positive().optional(),
      })
      .optional()
      .describe("Settings of RoPE; present if the worker's settings changed them."),
    lora: z.array(LoraAdapterSchema),
  })
  .meta({ id: "LoadedSettings" });
export type LoadedSettings = z.infer<typeof LoadedSettingsSchema>;
