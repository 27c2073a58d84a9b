// Owns the request fields for answers to messages, except sampling: tools, thinking, and variables of the chat template. The names
// are those that OpenAI's clients, llama-server and vLLM use.
import { z } from "zod";
import { requestLimits } from "./limits.ts";
import { ToolChoiceSchema, ToolsSchema } from "./tools.ts";

/** The thinking switches of every dialect, in addition to the dialect's own fields. */
export const thinkingShape = {
  chat_template_kwargs: z
    .record(z.string(), z.unknown())
    .refine((kwargs) => JSON.stringify(kwargs).length <= requestLimits.templateKwargsChars, {
      message: `at most ${requestLimits.templateKwargsChars} characters of JSON`,
    })
    .nullish()
    .describe(
      "Variables for the model's chat template; a variable that the template does not read is refused, unless it sets thinking to the model's only mode.",
    ),
  enable_thinking: z.boolean().nullish().describe("Refused if the model cannot switch thinking in this way."),
};

/** In all of these fields null means the same as absence. */
export const chatShape = {
  ...thinkingShape,
  tools: ToolsSchema.nullish().describe("Functions that the answer may call."),
  tool_choice: ToolChoiceSchema.nullish().describe("Default: auto if there are tools."),
  parallel_tool_calls: z
    .boolean()
    .nullish()
    .describe("false: at most one call. Default: several, if the model supports it."),
  reasoning_effort: z
    .string()
    .max(requestLimits.effortChars)
    .nullish()
    .describe("A level that the model's template reads; none turns thinking off."),
  thinking_budget_tokens: z
    .int()
    .min(-1)
    .max(requestLimits.maxTokens)
    .nullish()
    .describe("After this many tokens the reasoning is closed and the answer begins; -1 sets no limit."),
  continue_final_message: z
    .boolean()
    .nullish()
    .describe("The answer continues the last message, which must be the assistant's."),
  add_generation_prompt: z.boolean().nullish().describe("May be false only with continue_final_message."),
  repetition_limit: z
    .union([z.literal(0), z.int().min(2).max(requestLimits.repetitions)])
    .nullish()
    .describe(
      "End an answer, with finish reason length, after the same tokens repeat this many times; 0 turns it off. Default: the worker's setting.",
    ),
};

const chatSchema = z.object(chatShape);
export type ChatOptions = z.infer<typeof chatSchema>;

/** Options that need messages: they have no effect on a plain prompt. */
export const optionsOfMessages = [
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "chat_template_kwargs",
  "enable_thinking",
  "reasoning_effort",
  "thinking_budget_tokens",
  "continue_final_message",
  "add_generation_prompt",
] as const satisfies readonly (keyof ChatOptions)[];
