// Converts Ollama's messages to the messages that all dialects share. In Ollama's messages, a result may lack the id of its call.
import type { OllamaMessage, ToolCall } from "@waggle/protocol";
import { callOf } from "../../conversation/parts.ts";
import type { Content, PromptMessage } from "../../conversation/parts.ts";

export function chatMessagesOf(messages: readonly OllamaMessage[]): PromptMessage[] {
  const open = createOpenCalls();
  return messages.map((message) => {
    const content = ollamaContent(message.content, message.images);
    switch (message.role) {
      case "system":
      case "user":
        return { role: message.role, content };
      case "tool":
        return { role: "tool", content, tool_call_id: open.answeredBy(message) };
      case "assistant": {
        const calls = (message.tool_calls ?? []).map((call) => open.add(call));
        return {
          role: "assistant",
          content,
          ...(message.thinking == null || message.thinking === "" ? {} : { reasoning_content: message.thinking }),
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
        };
      }
    }
  });
}

/** As in Ollama, pictures come before the text of their message. */
export function ollamaContent(text: string | null | undefined, images: readonly string[] | null | undefined): Content {
  if (images == null || images.length === 0) return text ?? "";
  const pictures = images.map((url) => ({ type: "image_url" as const, image_url: { url } }));
  return text == null || text === "" ? pictures : [...pictures, { type: "text" as const, text }];
}

type OllamaCall = NonNullable<OllamaMessage["tool_calls"]>[number];

interface OpenCalls {
  add(call: OllamaCall): ToolCall;
  /** The id of the call to which the result belongs: the call with the same id, else with the same tool, else the first call without a result. */
  answeredBy(result: Pick<OllamaMessage, "tool_call_id" | "tool_name">): string;
}

function createOpenCalls(): OpenCalls {
  const waiting: ToolCall[] = [];
  let made = 0;

  function idOf(given: string | null | undefined): string {
    return given == null || given === "" ? `call_${made++}` : given;
  }

  return {
    add({ id, function: { name, arguments: args } }) {
      const call = callOf(idOf(id), name, args);
      waiting.push(call);
      return call;
    },
    answeredBy({ tool_call_id: id, tool_name: name }) {
      const byId = waiting.findIndex((call) => call.id === id);
      const byName = waiting.findIndex((call) => call.function.name === name);
      const at = byId !== -1 ? byId : byName !== -1 ? byName : 0;
      const [call] = waiting.splice(at, 1);
      return call?.id ?? idOf(id);
    },
  };
}
