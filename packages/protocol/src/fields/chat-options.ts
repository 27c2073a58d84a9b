// Owns the request fields for answers to messages, except sampling: tools, thinking, and variables of the chat template. The names are those of
// OpenAI, llama-server and vLLM.
import { nullish, z } from "zod";
import { requestLimits } from "./limits.ts";
import { ToolChoiceSchema, ToolsSchema, jsonAtMost } from "./tools.ts";
import { flag, json } from "./values.ts";

/** Fields that switch thinking in every dialect, in addition to the dialect's fields. */
export const thinkingShape = {
  chat_template_kwargs: nullish(json.refine(...jsonAtMost(requestLimits.templateKwargsChars))).describe(
    "Variables for the model's chat template. A variable that the template does not read is rejected, unless it sets thinking to the model's only mode.",
  ),
  enable_thinking: flag.describe("Turns thinking on or off. Rejected if the model cannot switch."),
};

/** Fields for answers to messages. In each field, null means absent. */
export const chatShape = {
  ...thinkingShape,
  tools: nullish(ToolsSchema).describe("Functions that the answer may call."),
  tool_choice: nullish(ToolChoiceSchema).describe(
    "Which tool the answer may or must call. Default: auto if the request has tools.",
  ),
  parallel_tool_calls: flag.describe(
    "false: at most one call per answer. Default: several calls, if the model supports this.",
  ),
  reasoning_effort: nullish(z.string().max(requestLimits.effortChars)).describe(
    "How much the model thinks: a level that the model's template supports. none turns thinking off.",
  ),
  thinking_budget_tokens: nullish(z.int().min(-1).max(requestLimits.maxTokens)).describe(
    "Maximum number of reasoning tokens; at the limit the reasoning is closed and the answer begins. -1: no limit.",
  ),
  continue_final_message: flag.describe("Continue the last message, which must be a message of the assistant."),
  add_generation_prompt: flag.describe(
    "Whether the prompt ends with the start of an answer. May be false only with continue_final_message.",
  ),
  repetition_limit: nullish(z.union([z.literal(0), z.int().min(2).max(requestLimits.repetitions)])).describe(
    "Number of repetitions of the same tokens after which the answer ends, with finish reason length. 0: no limit. Default: the worker's setting.",
  ),
};

const chatSchema = z.object(chatShape);
export type ChatOptions = z.infer<typeof chatSchema>;

/** Fields that are rejected in a request without messages. */
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
