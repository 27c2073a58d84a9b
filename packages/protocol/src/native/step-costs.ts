// Owns the schema of what an engine's steps cost.
import { z } from "zod";

const ms = z.number().nonnegative();

export const StepCostsSchema = z
  .object({
    threads: z
      .array(
        z.object({
          threads: z.int().positive(),
          busy: z
            .number()
            .positive()
            .describe(
              "Times by which steps are slower now than in the tables, because other programs use the machine.",
            ),
          decode: z
            .array(z.object({ rows: z.int().positive(), ms }))
            .describe("Milliseconds of a step in which so many streams decode one token each."),
          prompt: z
            .array(z.object({ tokens: z.int().positive(), ms }))
            .describe("Milliseconds of a piece of a prompt with so many tokens."),
        }),
      )
      .describe("The measured times, by the number of threads."),
    context: z
      .object({ row_ms: ms, tile_ms: ms })
      .describe(
        "Milliseconds that 1,000 tokens of context add to each token of a step with one thread: of a decoding stream or a short piece, and of a piece of at least 64 tokens.",
      ),
  })
  .meta({ id: "StepCosts" });
export type StepCosts = z.infer<typeof StepCostsSchema>;
