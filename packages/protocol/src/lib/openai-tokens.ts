// Owns the shapes of llama-server's routes between text and tokens.
import { z } from "zod";
import { openAiLimits } from "./openai.ts";

export const TokenizeRequestSchema = z
  .object({
    content: z.string().max(openAiLimits.tokenizeChars),
    add_special: z.boolean().default(false).describe("Put BOS before it where the model wants one."),
    parse_special: z.boolean().default(true).describe("Read the text of control tokens as control tokens."),
    with_pieces: z
      .boolean()
      .default(false)
      .describe(
        `The text of each token as well; then the content has ${openAiLimits.tokenizePiecesChars} characters at most.`,
      ),
  })
  .refine(({ content, with_pieces: withPieces }) => !withPieces || content.length <= openAiLimits.tokenizePiecesChars, {
    path: ["content"],
    message: `has ${openAiLimits.tokenizePiecesChars} characters at most where the pieces are asked for`,
  })
  .meta({ id: "TokenizeRequest" });

export const DetokenizeRequestSchema = z
  .object({ tokens: z.array(z.int().nonnegative()).max(openAiLimits.detokenizeTokens) })
  .meta({ id: "DetokenizeRequest" });

export const TokenizedSchema = z
  .object({
    tokens: z.union([
      z.array(z.int()),
      z.array(z.object({ id: z.int(), piece: z.union([z.string(), z.array(z.int())]) })),
    ]),
  })
  .meta({ id: "Tokenized" });
export const DetokenizedSchema = z.object({ content: z.string() }).meta({ id: "Detokenized" });
