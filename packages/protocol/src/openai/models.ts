// Owns the list of models on OpenAI's path, with the fields that clients of all dialects read there.
import { z } from "zod";
import { ModelStateSchema } from "../native/models.ts";
import { ChatAbilitiesSchema, ModelKindSchema } from "../native/worker.ts";

export const ModelSchema = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    type: z.literal("model").describe("A field of Anthropic's API, as are display_name and created_at."),
    display_name: z.string(),
    created: z.int(),
    created_at: z.iso.datetime(),
    owned_by: z.string(),
    meta: z
      .object({
        n_ctx: z.int().optional(),
        n_ctx_train: z.int().optional(),
        n_params: z.int().optional(),
        size: z.int().optional(),
      })
      .describe("A field of llama-server's API."),
    architecture: z
      .object({ input_modalities: z.array(z.string()), output_modalities: z.array(z.string()) })
      .describe("A field of llama-server's API; image among the inputs means that the model reads pictures."),
    state: ModelStateSchema.describe("Waggle's addition to OpenAI's fields, as are kind and aliases."),
    status: z
      .object({
        value: z.enum(["unloaded", "loading", "loaded"]),
        failed: z.literal(true).optional(),
        error: z.string().optional(),
      })
      .describe("The model's state, in llama-server's terms."),
    kind: ModelKindSchema.optional(),
    aliases: z.array(z.string()).optional(),
    chat: ChatAbilitiesSchema.optional().describe(
      "Waggle's addition to OpenAI's fields: the abilities of the model's chat format.",
    ),
  })
  .meta({ id: "Model" });
export type Model = z.infer<typeof ModelSchema>;

export const ModelListSchema = z
  .object({
    object: z.literal("list"),
    data: z.array(ModelSchema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.literal(false),
    models: z
      .array(
        z.looseObject({
          slug: z.string(),
          display_name: z.string(),
          description: z.string(),
          capabilities: z.array(z.string()),
        }),
      )
      .describe("The model catalog for Codex, with llama-server's field capabilities."),
  })
  .meta({ id: "ModelList" });
export type ModelList = z.infer<typeof ModelListSchema>;
