// Owns the shape of an error in OpenAI's dialect.
import { z } from "zod";

export const OpenAiErrorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string(),
      n_prompt_tokens: z.int().optional(),
      n_ctx: z.int().optional(),
    }),
  })
  .meta({ id: "OpenAiError" });
