// Owns what a request may ask of an answer to messages beyond its sampling: tools, thoughts, and what the chat template is told. The names
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
      "Variables for the model's chat template; one that it does not read is refused, unless it switches thoughts to what they are anyway.",
    ),
  enable_thinking: z.boolean().nullish().describe("Refused where the model cannot do as it says."),
};

/** In each of these null says as little as absence. */
export const chatShape = {
  ...thinkingShape,
  tools: ToolsSchema.nullish().describe("Functions that the answer may call."),
  tool_choice: ToolChoiceSchema.nullish().describe("Default: auto where there are tools."),
  parallel_tool_calls: z.boolean().nullish().describe("false: one call at most. Default: as the model can."),
  reasoning_effort: z
    .string()
    .max(requestLimits.effortChars)
    .nullish()
    .describe("As the model's template takes it; none turns thinking off."),
  thinking_budget_tokens: z
    .int()
    .min(-1)
    .max(requestLimits.maxTokens)
    .nullish()
    .describe("Then a thought is closed, and the answer begins; -1 sets no limit."),
  continue_final_message: z
    .boolean()
    .nullish()
    .describe("The answer continues the last message, which is the assistant's."),
  add_generation_prompt: z.boolean().nullish().describe("false only beside continue_final_message."),
  repetition_limit: z
    .union([z.literal(0), z.int().min(2).max(requestLimits.repetitions)])
    .nullish()
    .describe(
      "End an answer that says the same tokens so many times over, with length; 0 never does. Default: the worker's setting.",
    ),
};

const chatSchema = z.object(chatShape);
export type ChatOptions = z.infer<typeof chatSchema>;

/** These need messages; a plain prompt has nothing that they could change. */
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
