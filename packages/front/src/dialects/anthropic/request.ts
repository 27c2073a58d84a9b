// Translates a request in Anthropic's dialect to a JobSpec. Unsupported fields are rejected with their names.
import type { ChatFormat } from "@waggle/chat-format/format";
import type { GenerateSpec } from "@waggle/jobs";
import { samplingIn } from "@waggle/protocol";
import type {
  AnthropicCustomTool,
  AnthropicTool,
  ChatOptions,
  CountTokensRequest,
  MessagesRequest,
  Tool,
} from "@waggle/protocol";
import { withConversation } from "../../conversation/conversation.ts";
import type { Conversation } from "../../conversation/conversation.ts";
import type { PromptMessage } from "../../conversation/parts.ts";
import { baseJobSpec } from "../../generation/base-job-spec.ts";
import type { RequestContext } from "../../generation/base-job-spec.ts";
import { chatMessagesOf } from "./messages.ts";
import { thinkingOf } from "./thinking.ts";

/** @throws WaggleError invalid_argument naming the field */
export async function translateMessages(body: MessagesRequest, context: RequestContext): Promise<GenerateSpec> {
  const fields = {
    max_tokens: body.max_tokens,
    stop: body.stop_sequences,
    ...samplingIn("anthropic", body),
  };
  const conversation = conversationOf(body, await context.chatFormat());
  return await withConversation(baseJobSpec(fields, context), conversation, context);
}

/** The part of the translation that token counts and answers share. */
export function conversationOf(body: CountTokensRequest, format: ChatFormat): Conversation {
  const messages = chatMessagesOf(body);
  const fields = (body.tools ?? []).flatMap((tool, index) => (isCustom(tool) ? [`tools.${index}.input_schema`] : []));
  return {
    messages,
    options: {
      ...toolOptionsOf(body),
      ...thinkingOf(body, format),
      ...(endsInText(messages) ? { continue_final_message: true } : {}),
    },
    schema: schemaOf(body),
    toolField: (tool) => fields[tool] ?? "tools",
  };
}

function toolOptionsOf({ tools, tool_choice: choice }: CountTokensRequest): ChatOptions {
  const kept = (tools ?? []).filter(isCustom);
  if (choice == null) return { tools: kept.map(toolOf) };
  if (choice.type === "none") return { tools: kept.map(toolOf), tool_choice: "none" };
  return {
    tools: kept.map(toolOf),
    parallel_tool_calls: choice.disable_parallel_tool_use !== true,
    ...(choice.type === "any" ? { tool_choice: "required" as const } : {}),
    ...(choice.type === "tool" ? { tool_choice: { type: "function" as const, function: { name: choice.name } } } : {}),
  };
}

/** Tools that Anthropic runs have no schema in the request, and this server cannot run them. */
function isCustom(tool: AnthropicTool): tool is AnthropicCustomTool {
  return "input_schema" in tool;
}

function toolOf({ name, description, input_schema: parameters, strict }: AnthropicCustomTool): Tool {
  return { type: "function", function: { name, description, parameters, strict } };
}

/** Whether the last message is the assistant's text, which the answer continues. */
function endsInText(messages: readonly PromptMessage[]): boolean {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || typeof last.content !== "string") return false;
  return last.content.trim() !== "" && last.tool_calls == null;
}

function schemaOf({ output_config: output, output_format: older }: CountTokensRequest): Conversation["schema"] {
  if (output?.format != null) return { value: output.format.schema, field: "output_config.format.schema" };
  return older == null ? undefined : { value: older.schema, field: "output_format.schema" };
}
