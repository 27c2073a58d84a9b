// Owns the words for what a model is loaded with: in flags, between the processes, and in what a worker says of itself.
import { z } from "zod";

/** Types of the KV cache's numbers, by llama.cpp's names. The quantized ones keep 32 numbers under a common scale. */
export const CacheTypeSchema = z.enum(["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]);
export type CacheType = z.infer<typeof CacheTypeSchema>;

export const FlashAttentionSchema = z.enum(["auto", "on", "off"]);
export type FlashAttention = z.infer<typeof FlashAttentionSchema>;

/** How positions beyond those that a model was trained on are squeezed into its reach. */
export const RopeScalingSchema = z.enum(["none", "linear", "yarn"]);
export type RopeScaling = z.infer<typeof RopeScalingSchema>;

/** A LoRA adapter: what it adds to the model's weights is multiplied by its scale. */
export const LoraAdapterSchema = z
  .object({
    id: z.int().nonnegative().describe("Its place among the worker's --lora."),
    file: z.string().describe("The file's name without its folder."),
    scale: z.number().describe("Where a request says nothing else; 0: not used."),
  })
  .meta({ id: "LoraAdapter" });
export type LoraAdapter = z.infer<typeof LoraAdapterSchema>;

/** Far beyond what leaves a model in its senses; it only keeps the numbers finite. */
export const maxLoraScale = 1_000;
/** Most adapters of a model. */
export const maxLoraAdapters = 64;

/** Adapters that a request chooses. */
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
    "Adapters of /lora-adapters with their scales, instead of the worker's own; one that is not named is off. Passes are shared by requests of the same choice only.",
  );
export type LoraChoice = z.infer<typeof LoraChoiceSchema>;

/** What became of the settings when the model was loaded. */
export const LoadedSettingsSchema = z
  .object({
    batch_size: z.int().positive().describe("Most tokens in a step."),
    cache_type_k: CacheTypeSchema,
    cache_type_v: CacheTypeSchema,
    flash_attention: z.boolean(),
    gpu_layers: z.int().nonnegative().describe("Layers that a GPU holds."),
    mmap: z.boolean().describe("The weights lie in the file's own pages."),
    mlock: z.boolean().describe("The weights were to be locked in memory."),
    rope: z
      .object({
        scaling: z.string().describe("none, linear, yarn, or what the model's file names."),
        freq_base: z.number().optional(),
        freq_scale: z.number(),
        yarn_orig_ctx: z.int().positive().optional(),
      })
      .optional()
      .describe("Where settings changed it."),
    lora: z.array(LoraAdapterSchema),
  })
  .meta({ id: "LoadedSettings" });
export type LoadedSettings = z.infer<typeof LoadedSettingsSchema>;
