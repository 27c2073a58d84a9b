// Makes the variables with which a chat template is rendered: the conversation in the shapes that this template takes. Every part of a message
// is kept or causes an error, except for thoughts that the template does not show.
import { isRecord } from "@waggle/grammar/json-schema";
import { idsOf } from "./call-ids.ts";
import { type ChatConversation, type ChatMessage, type ChatTool, type ChatToolCall, chatText } from "./conversation.ts";
import { insertionMark, saysBeforeCalls } from "./inserted-text.ts";
import { spacedJson } from "./spell-call.ts";
import type { TemplateInputs } from "./template-inputs.ts";
import { callsAsText, resultAsText, toolWords } from "./tool-words.ts";
import { arrangeMessages, intoUser, join } from "./arrange-messages.ts";

/**
 * Returns `messages`, `tools` if the template shows them, `add_generation_prompt`, and the request's variables. All are plain data, except for
 * arguments as JSON text: they become a map with the key `json`, which the renderer parses without loss.
 * @throws TemplateInputError if the template cannot show the conversation
 */
export function templateValues(inputs: TemplateInputs, conversation: ChatConversation): Record<string, unknown> {
  const { tools = [], template: { variables, continueFinalMessage: continues = false } = {} } = conversation;
  const idOf = idsOf(conversation.messages, inputs.ids);
  const told = toldInWords(conversation.messages, inputs);
  const turns = arrangeMessages(inputs.tools ? told : withTools(told, tools, inputs), inputs);
  const names = namesOf(conversation.messages);
  return {
    ...variables,
    messages: turns.map((message) => shaped(message, inputs, { idOf, names })),
    ...(tools.length > 0 && inputs.tools ? { tools: tools.map((tool) => filled(tool, inputs)) } : {}),
    add_generation_prompt: !continues,
  };
}

/** Writes calls and results as text if the template cannot show them. */
function toldInWords(messages: readonly ChatMessage[], inputs: TemplateInputs): readonly ChatMessage[] {
  if (inputs.calls && inputs.results) return messages;
  const names = namesOf(messages);
  return messages.map((message) => {
    if (message.role === "assistant" && !inputs.calls) return callsAsText(message, inputs.callSyntax);
    if (message.role === "tool" && !inputs.results) return resultAsText(message, names.get(message.tool_call_id ?? ""));
    return message;
  });
}

/** Explains the tools in words at the end of the system message. */
function withTools(
  messages: readonly ChatMessage[],
  tools: readonly ChatTool[],
  { system, callSyntax }: TemplateInputs,
): readonly ChatMessage[] {
  if (tools.length === 0) return messages;
  const words: ChatMessage = { role: "system", content: toolWords(tools, callSyntax) };
  const [first, ...rest] = messages;
  if (first?.role === "system") return [join(first, words), ...rest];
  return system ? [words, ...messages] : intoUser(chatText(words.content), messages);
}

/** The names of the called tools, by the calls' ids. */
function namesOf(messages: readonly ChatMessage[]): ReadonlyMap<string, string> {
  const calls = messages.flatMap(({ tool_calls: toolCalls = [] }) => toolCalls);
  return new Map(calls.map(({ id, function: { name } }) => [id, name]));
}

function filled({ function: { name, description, parameters }, ...tool }: ChatTool, inputs: TemplateInputs): unknown {
  const schema = inputs.missing === "object" ? { type: "object", properties: {} } : {};
  const [noText, noSchema] = inputs.missing === "nothing" ? [undefined, undefined] : ["", schema];
  const text = description ?? noText;
  const given = parameters ?? noSchema;
  return {
    ...tool,
    function: {
      name,
      ...(text === undefined ? {} : { description: text }),
      ...(given === undefined ? {} : { parameters: inputs.parameterDescriptions ? described(given) : given }),
    },
  };
}

/** The schema of an object, with a description for each member. */
function described(schema: unknown): unknown {
  if (!isRecord(schema) || !isRecord(schema["properties"])) return schema;
  const members = Object.entries(schema["properties"]).map(([name, member]) => [
    name,
    isRecord(member) ? { description: "", ...member } : member,
  ]);
  return { ...schema, properties: Object.fromEntries(members) as unknown };
}

interface Calls {
  idOf(id: string): string;
  readonly names: ReadonlyMap<string, string>;
}

function shaped(message: ChatMessage, inputs: TemplateInputs, { idOf, names }: Calls): Record<string, unknown> {
  const { role, tool_calls: calls = [], tool_call_id: id } = message;
  if (role === "tool" && id !== undefined) {
    const name = names.get(id);
    return { role, tool_call_id: idOf(id), ...(name === undefined ? {} : { name }), ...contentFields(message, inputs) };
  }
  if (role !== "assistant") return { role, ...contentFields(message, inputs) };
  const isInserted = inputs.contentWithCalls === "inserted" && saysBeforeCalls(message);
  const toolCalls = calls.map((call, index) => ({
    id: idOf(call.id),
    type: call.type,
    function: {
      name: isInserted && index === 0 ? insertionMark + call.function.name : call.function.name,
      arguments: argumentsFor(call, inputs),
    },
  }));
  return {
    role,
    ...spoken(isInserted ? { ...message, content: "" } : message, inputs),
    ...(calls.length === 0 ? {} : { tool_calls: toolCalls }),
  };
}

function spoken(message: ChatMessage, inputs: TemplateInputs): Record<string, unknown> {
  const { reasoning_content: thought = "", tool_calls: calls = [], content } = message;
  const { thoughtKey } = inputs;
  if (thought === "" || thoughtKey === undefined) return contentFields(message, inputs);
  if (thoughtKey === "parts") {
    const text = chatText(content);
    const said = text === "" ? [] : [{ type: "text", text }];
    return { content: [{ type: "thinking", thinking: thought }, ...said] };
  }
  if (calls.length > 0 && !inputs.thoughtWithBoth && chatText(content).trim() !== "") {
    return {
      ...contentFields({ ...message, content: "" }, inputs),
      [thoughtKey]: `${thought}\n\n${chatText(content)}`,
    };
  }
  return { ...contentFields(message, inputs), [thoughtKey]: thought };
}

function contentFields(
  { role, content, tool_calls: calls = [] }: ChatMessage,
  inputs: TemplateInputs,
): Record<string, unknown> {
  const text = chatText(content);
  if (text === "" && calls.length > 0) {
    if (inputs.emptyContent === "absent") return {};
    return { content: inputs.emptyContent === "null" ? null : "" };
  }
  if (typeof content !== "string" && inputs.lists.includes(role)) return { content };
  return { content: inputs.listsOnly ? [{ type: "text", text }] : text };
}

function argumentsFor({ function: { arguments: given } }: ChatToolCall, inputs: TemplateInputs): unknown {
  if (!inputs.objectArguments) return typeof given === "string" ? given : spacedJson(given);
  if (isRecord(given)) return given;
  const text = typeof given === "string" ? given : spacedJson(given);
  if (text.trim() === "") return {};
  if (isRecord(parsed(text))) return new Map([["json", text]]);
  return inputs.textArguments ? text : { arguments: text };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
