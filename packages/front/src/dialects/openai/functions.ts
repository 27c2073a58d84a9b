// Converts the deprecated `functions`, `function_call` and role `function` to tools. Shapes after OpenAI's API reference (chat completions,
// deprecated fields).
import { refuseField } from "@waggle/protocol";
import type { ChatCompletionRequest, ChatMessage, ChatOptions, ChatRequestMessage } from "@waggle/protocol";

type FunctionFields = Pick<
  ChatCompletionRequest,
  "functions" | "function_call" | "tools" | "tool_choice" | "parallel_tool_calls"
>;

/** Whether the client expects calls as `function_call`. */
export function knowsFunctionsOnly({ functions }: Pick<FunctionFields, "functions">): boolean {
  return functions != null;
}

/** @throws WaggleError invalid_argument naming the field, if the request has functions and tools */
export function toolOptionsOf(
  body: FunctionFields,
): Pick<ChatOptions, "tools" | "tool_choice" | "parallel_tool_calls"> {
  const { functions, function_call: choice, tools, tool_choice, parallel_tool_calls } = body;
  if (functions == null) {
    if (choice != null && typeof choice !== "string") {
      throw refuseField("function_call", "there are no functions to choose from");
    }
    return { tools, tool_choice, parallel_tool_calls };
  }
  if (tools != null || tool_choice != null) throw refuseField("functions", "the request has tools as well");
  return {
    tools: functions.map((about) => ({ type: "function", function: about })),
    tool_choice: choice == null || typeof choice === "string" ? choice : { type: "function", function: choice },
    // A message can have only one `function_call`.
    parallel_tool_calls: false,
  };
}

/** Calls in this form have no ids: each result belongs to the call before it. */
export function withoutFunctions(messages: readonly ChatRequestMessage[]): readonly ChatMessage[] {
  let calls = 0;
  return messages.map((message) => {
    if (message.role === "function") {
      return { role: "tool", content: message.content, tool_call_id: `call_${calls}` };
    }
    if (message.role !== "assistant" || message.function_call == null) return message;
    const { function_call: call, ...rest } = message;
    calls += 1;
    const asTool = { id: `call_${calls}`, type: "function", function: call };
    return { ...rest, tool_calls: [...(message.tool_calls ?? []), asTool] };
  });
}
