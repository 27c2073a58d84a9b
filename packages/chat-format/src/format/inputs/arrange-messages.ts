// Arranges messages for templates that restrict their order: system messages only at the beginning or not at all, alternating roles.
import { type ChatContent, type ChatMessage, TemplateInputError, chatText } from "./conversation.ts";
import { saysBeforeCalls } from "./inserted-text.ts";
import type { TemplateInputs } from "./template-inputs.ts";

/** Separates the texts of two messages that become one. */
const between = "\n\n";

/** @throws TemplateInputError for a system message at a place where the template cannot show it */
export function arrangeMessages(messages: readonly ChatMessage[], inputs: TemplateInputs): readonly ChatMessage[] {
  const first = messages.findIndex(({ role }) => role !== "system");
  const begin = first === -1 ? messages.length : first;
  const leading = messages.slice(0, begin);
  const rest = messages.slice(begin);
  if (!inputs.laterSystem && rest.some(({ role }) => role === "system")) {
    throw new TemplateInputError("the model's chat template cannot show a system message after the first turn");
  }
  const system = inputs.laterSystem && inputs.system ? leading : joined(leading);
  const commands = system.map(({ content }) => chatText(content)).join(between);
  const turns = inputs.system || commands === "" ? [...system, ...rest] : intoUser(commands, rest);
  const answered = inputs.userAfterResult ? turns : turns.reduce(intoResult, []);
  const said = inputs.emptyAnswers ? answered : answered.filter((message) => !saysNothing(message));
  const single = inputs.parallelCalls ? said : callByCall(said);
  const inTurn = inputs.alternating ? alternate(single) : single;
  return inputs.contentWithCalls === "before" ? inTurn.flatMap(apart) : inTurn;
}

function saysNothing({ role, content, tool_calls: calls = [], reasoning_content: thought = "" }: ChatMessage): boolean {
  return role === "assistant" && calls.length === 0 && (chatText(content) + thought).trim() === "";
}

/** Splits a message with several calls into one message for each call, followed by its results. */
function callByCall(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (let index = 0; index < messages.length;) {
    const message = messages[index] as ChatMessage;
    index += 1;
    const { tool_calls: [first, ...more] = [], ...rest } = message;
    if (first === undefined || more.length === 0) {
      turns.push(message);
      continue;
    }
    const results: ChatMessage[] = [];
    for (; messages[index]?.role === "tool"; index += 1) results.push(messages[index] as ChatMessage);
    for (const call of [first, ...more]) {
      turns.push(
        call === first ? { ...rest, tool_calls: [call] } : { role: "assistant", content: "", tool_calls: [call] },
      );
      turns.push(...results.filter(({ tool_call_id: id }) => id === call.id));
    }
    const ids = new Set([first, ...more].map(({ id }) => id));
    turns.push(...results.filter(({ tool_call_id: id }) => !ids.has(id ?? "")));
  }
  return turns;
}

/** Adds a user's message to the result directly before it. Directly after a call, the user's message becomes the call's result. */
function intoResult(before: readonly ChatMessage[], message: ChatMessage): readonly ChatMessage[] {
  const last = before.at(-1);
  const id = last?.tool_calls?.at(-1)?.id;
  if (id !== undefined && message.role === "user") {
    return [...before, { role: "tool", tool_call_id: id, content: message.content }];
  }
  if (last?.role !== "tool" || message.role !== "user") return [...before, message];
  return [...before.slice(0, -1), { ...last, content: joinContents(last.content, message.content) }];
}

/** Splits a message into the text before its calls, and the calls. */
function apart(message: ChatMessage): readonly ChatMessage[] {
  const { tool_calls: calls = [], ...said } = message;
  return saysBeforeCalls(message) ? [said, { role: "assistant", content: "", tool_calls: calls }] : [message];
}

function joined(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const [first, ...others] = messages;
  return first === undefined ? [] : [others.reduce(join, first)];
}

/** Puts the text at the beginning of the first user's message. */
export function intoUser(text: string, messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const [first, ...rest] = messages;
  const said: ChatMessage = { role: "user", content: text };
  return first?.role === "user" ? [join(said, first), ...rest] : [said, ...messages];
}

function alternate(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    if (last !== undefined && mayJoin(last, message)) turns[turns.length - 1] = join(last, message);
    else turns.push(message);
  }
  return turns;
}

function mayJoin(one: ChatMessage, other: ChatMessage): boolean {
  if (one.role !== other.role || one.role === "tool") return false;
  return one.tool_calls === undefined && other.tool_calls === undefined && other.reasoning_content === undefined;
}

export function join(one: ChatMessage, other: ChatMessage): ChatMessage {
  return { ...one, ...other, content: joinContents(one.content, other.content) };
}

function joinContents(one: ChatContent, other: ChatContent): ChatContent {
  const texts = [chatText(one), chatText(other)].filter((text) => text !== "");
  return texts.join(between);
}
