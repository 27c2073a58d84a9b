// Owns the schema of what an engine's steps cost.
import { z } from "zod";

const ms = z.number().nonnegative();

export const StepCostsSchema = z
  .object({
    threads: z
      .array(
        z.object({
          threads: z.int().positive(),
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

export const PromptPieceSchema = z
  .object({
    context: z.int().nonnegative().describe("Tokens that the prompt and the stream hold already."),
    tokens: z.int().positive().describe("Prompt tokens of the step."),
    step_ms: ms.describe("Milliseconds of the whole step."),
    slowdown: z
      .number()
      .positive()
      .describe(
        "Times by which a prompt token takes longer than in the cheapest step: 1.3 at most, unless max_token_gap is set.",
      ),
  })
  .meta({ id: "PromptPiece" });
export type PromptPiece = z.infer<typeof PromptPieceSchema>;

const tokenCosts = z.object({
  row_ms: ms.describe("For a token of a decoding stream."),
  tile_ms: ms.describe("For each token of a piece of 64."),
});

export const AttentionCostsSchema = z
  .object({
    cells: z.int().positive().describe("Tokens of context."),
    threads: z.int().positive(),
    flash: tokenCosts.describe("Milliseconds of a token's attention in all layers, with flash attention."),
    plain: tokenCosts.describe("The same without flash attention."),
  })
  .meta({ id: "AttentionCosts" });
export type AttentionCosts = z.infer<typeof AttentionCostsSchema>;
