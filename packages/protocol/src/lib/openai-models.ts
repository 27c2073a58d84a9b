// Owns the list of models, as the clients of all dialects read it that ask for it on OpenAI's path.
import { z } from "zod";
import { ChatAbilitiesSchema } from "./worker.ts";

export const ModelSchema = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    type: z.literal("model").describe("Anthropic's, as display_name and created_at."),
    display_name: z.string(),
    created: z.int(),
    created_at: z.iso.datetime(),
    owned_by: z.string(),
    meta: z.record(z.string(), z.number()).optional().describe("llama-server's."),
    chat: ChatAbilitiesSchema.optional().describe("Not OpenAI's: what the model's chat format can do."),
  })
  .meta({ id: "Model" });

export const ModelListSchema = z
  .object({
    object: z.literal("list"),
    data: z.array(ModelSchema),
    first_id: z.string(),
    last_id: z.string(),
    has_more: z.literal(false),
    models: z
      .array(z.looseObject({ slug: z.string(), display_name: z.string() }))
      .describe("The catalog that Codex reads."),
  })
  .meta({ id: "ModelList" });
