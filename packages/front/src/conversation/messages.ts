// Converts the messages and tools of a request to the form that chat templates read.
import type { TemplateMessage, TemplatePart, TemplateTool } from "@waggle/engine";
import type { ChatMessage, Message, Tool } from "@waggle/protocol";
import { shapeProblem } from "../body/parse-json.ts";

type Content = Exclude<(ChatMessage | Message)["content"], null | undefined>;

/** The fields with the pictures of a conversation, in order. */
export function pictureSources(messages: readonly (ChatMessage | Message)[]): readonly string[] {
  return messages.flatMap(({ content }) =>
    typeof content === "string" || content == null
      ? []
      : content.flatMap((part) => (part.type === "image_url" ? [part.image_url.url] : [])),
  );
}

/** @param indexOf the index of a picture among those of the work */
export function templateMessage(message: ChatMessage | Message, indexOf: (source: string) => number): TemplateMessage {
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content: templateContent(message.content, indexOf) };
    case "user":
      return { role: "user", content: templateContent(message.content, indexOf) };
    case "tool":
      return {
        role: "tool",
        content: templateContent(message.content, indexOf),
        tool_call_id: message.tool_call_id,
      };
    case "assistant": {
      const reasoning = message.reasoning_content ?? ("reasoning" in message ? message.reasoning : undefined);
      return {
        role: "assistant",
        content: message.content ?? ("refusal" in message ? message.refusal : undefined) ?? "",
        ...(reasoning == null ? {} : { reasoning_content: reasoning }),
        ...(message.tool_calls == null
          ? {}
          : {
              tool_calls: message.tool_calls.map(({ id, function: { name, arguments: text } }) => ({
                id,
                type: "function" as const,
                function: { name, arguments: parsedArguments(text) },
              })),
            }),
      };
    }
  }
}

function templateContent(content: Content, indexOf: (source: string) => number): TemplateMessage["content"] {
  if (typeof content === "string") return content;
  return content.map((part): TemplatePart =>
    part.type === "text" ? part : { type: "image", picture: indexOf(part.image_url.url) },
  );
}

/**
 * If all messages are system messages, adds an empty user message: some clients load a model with such a request, but templates need a user
 * message.
 */
export function withUserMessage(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  return messages.some(({ role }) => role !== "system") ? messages : [...messages, { role: "user", content: "" }];
}

export function templateTools(tools: readonly Tool[]): readonly TemplateTool[] {
  return tools.map(({ function: { name, description, parameters } }) => ({
    type: "function",
    function: {
      name,
      ...(description == null ? {} : { description }),
      ...(parameters == null ? {} : { parameters }),
    },
  }));
}

/**
 * Parses a call's arguments, since templates write the arguments as JSON again. The arguments stay text if the text is not JSON, is nested too
 * deeply, or has a number that JavaScript would print differently, such as 1.0 or an id of 64 bits.
 */
export function parsedArguments(text: string): unknown {
  if (shapeProblem(text) !== undefined) return text;
  try {
    const value: unknown = JSON.parse(text);
    return numbersIn(text).every((number) => String(Number(number)) === number) ? value : text;
  } catch {
    return text;
  }
}

const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** The numbers of a JSON text, as text. */
function numbersIn(json: string): readonly string[] {
  return [...json.matchAll(stringOrNumber)].flatMap(([token]) => (token.startsWith('"') ? [] : [token]));
}
