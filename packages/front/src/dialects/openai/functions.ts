// Owns what tools were before: `functions`, `function_call` and the role `function`, as the tools that the model knows. Shapes after OpenAI's
// API reference (chat completions, deprecated fields).
import type { ChatCompletionRequest, ChatMessage, ChatOptions, ChatRequestMessage } from "@waggle/protocol";
import { unsupported } from "../../body/fields.ts";

type FunctionFields = Pick<
  ChatCompletionRequest,
  "functions" | "function_call" | "tools" | "tool_choice" | "parallel_tool_calls"
>;

/** The client knows no tools, and reads a call where it was before. */
export function knowsFunctionsOnly({ functions }: Pick<FunctionFields, "functions">): boolean {
  return functions != null;
}

/** @throws WaggleError invalid_argument naming the field, where both are sent */
export function toolOptionsOf(
  body: FunctionFields,
): Pick<ChatOptions, "tools" | "tool_choice" | "parallel_tool_calls"> {
  const { functions, function_call: choice, tools, tool_choice, parallel_tool_calls } = body;
  if (functions == null) {
    if (choice != null && choice !== "none")
      throw unsupported("function_call", "there are no functions to choose from");
    return { tools, tool_choice, parallel_tool_calls };
  }
  if (tools != null || tool_choice != null) throw unsupported("functions", "the request has tools as well");
  return {
    tools: functions.map((about) => ({ type: "function", function: about })),
    tool_choice: choice == null || typeof choice === "string" ? choice : { type: "function", function: choice },
    // A message has room for one.
    parallel_tool_calls: false,
  };
}

/** Calls had no ids then: each result is that of the call before it. */
export function withoutFunctions(messages: readonly ChatRequestMessage[]): readonly ChatMessage[] {
  let calls = 0;
  return messages.map((message) => {
    if (message.role === "function") {
      return { role: "tool", content: message.content ?? "", tool_call_id: `call_${calls}` };
    }
    if (message.role !== "assistant" || message.function_call == null) return message;
    const { function_call: call, ...rest } = message;
    calls += 1;
    return { ...rest, tool_calls: [{ id: `call_${calls}`, type: "function", function: call }] };
  });
}
