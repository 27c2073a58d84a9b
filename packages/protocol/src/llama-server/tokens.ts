// Owns the shapes of llama-server's routes that convert text, tokens and messages.
import { z } from "zod";
import { chatShape, thinkingShape } from "../fields/chat-options.ts";
import { requestLimits } from "../fields/limits.ts";
import { ChatMessageSchema } from "../openai/requests.ts";
import { ToolsSchema } from "../fields/tools.ts";
import { count, flag } from "../fields/values.ts";

export const tokenRouteLimits = {
  tokenizeChars: 524_288,
  /** Characters to tokenize with `with_pieces`. This limit is smaller, since the answer has an object for each token. */
  tokenizePiecesChars: 65_536,
  detokenizeTokens: 262_144,
} as const;

const ModelFieldSchema = z.string().max(requestLimits.modelChars).nullish();

export const TokenizeRequestSchema = z
  .object({
    model: ModelFieldSchema,
    content: z.string().max(tokenRouteLimits.tokenizeChars),
    add_special: flag.describe("Prepend the BOS token, if the model requires it."),
    parse_special: flag.describe("Whether texts of control tokens become control tokens. Default: true."),
    with_pieces: flag.describe(
      `Return the text of each token too. Limits content to ${tokenRouteLimits.tokenizePiecesChars} characters.`,
    ),
  })
  .refine(
    ({ content, with_pieces: withPieces }) =>
      withPieces !== true || content.length <= tokenRouteLimits.tokenizePiecesChars,
    {
      path: ["content"],
      message: `must have at most ${tokenRouteLimits.tokenizePiecesChars} characters if with_pieces is true`,
    },
  )
  .meta({ id: "TokenizeRequest" });

export const DetokenizeRequestSchema = z
  .object({ model: ModelFieldSchema, tokens: z.array(count).max(tokenRouteLimits.detokenizeTokens) })
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

export const ApplyTemplateRequestSchema = z
  .object({
    model: ModelFieldSchema,
    messages: z.array(ChatMessageSchema).min(1, "must not be empty").max(requestLimits.messages),
    tools: ToolsSchema.nullish(),
    ...thinkingShape,
    reasoning_effort: chatShape.reasoning_effort,
    continue_final_message: chatShape.continue_final_message,
    add_generation_prompt: chatShape.add_generation_prompt,
  })
  .meta({ id: "ApplyTemplateRequest" });

export const RenderedSchema = z.object({ prompt: z.string() }).meta({ id: "Rendered" });
