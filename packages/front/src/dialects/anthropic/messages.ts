// Converts a conversation in Anthropic's blocks to the messages that all dialects share. Empty blocks are left out: keep-alive deltas of earlier
// answers may have started such blocks.
import type { CountTokensRequest } from "@waggle/protocol";
import { withUserMessage } from "../../conversation/messages.ts";
import { callOf, partsIn, readAnswer, readContent, contentText } from "../../conversation/parts.ts";
import type { PromptMessage } from "../../conversation/parts.ts";
import { joined, joinedContents, withContent } from "../../conversation/system-messages.ts";

/** First line of Claude Code's system prompt. The line changes with each request, which would make cached prefixes useless. */
const billingLine = /^x-anthropic-billing-header:[^\n]*\n*/;

type AnthropicConversation = Pick<CountTokensRequest, "system" | "messages">;

/**
 * Converts the conversation. A system message after the first turn is added to the user's text or the tool result before it, else to the next user
 * text. Most templates accept no later system message, and moving the message to the front would change the whole prompt. No message may separate a
 * call from its result.
 */
export function chatMessagesOf({ system, messages }: AnthropicConversation): readonly PromptMessage[] {
  const first = messages.findIndex(({ role }) => role !== "system");
  const begin = first === -1 ? messages.length : first;
  const leading = messages.slice(0, begin).flatMap(({ content }) => textsIn(content));
  const instructions = joined([...textsIn(system), ...leading].map((text) => text.replace(billingLine, "")));
  const promptMessages: PromptMessage[] = instructions === "" ? [] : [{ role: "system", content: instructions }];

  /** System messages to add to the next user message. */
  let waiting = "";
  const flush = (): void => {
    if (waiting !== "") promptMessages.push({ role: "user", content: waiting });
    waiting = "";
  };
  for (const [index, message] of messages.slice(begin).entries()) {
    const field = `messages.${begin + index}.content`;
    switch (message.role) {
      case "user":
        promptMessages.push(...userMessages(message.content, waiting, field));
        waiting = "";
        break;
      case "assistant":
        flush();
        promptMessages.push(...assistantMessages(message.content, field));
        break;
      case "system": {
        const text = joined(textsIn(message.content));
        if (text === "") break;
        const last = promptMessages.at(-1);
        const folded = `<system>\n${text}\n</system>`;
        if (last?.role === "user" || last?.role === "tool")
          promptMessages[promptMessages.length - 1] = withContent(last, "", folded);
        else waiting = joined([waiting, folded]);
      }
    }
  }
  flush();
  return withUserMessage(promptMessages);
}

/** @param before text to put before the user's text */
function userMessages(content: unknown, before: string, field: string): readonly PromptMessage[] {
  const blocks = blocksIn(content);
  const promptMessages = blocks.flatMap((block, at) => (isResult(block) ? [resultOf(block, `${field}.${at}`)] : []));
  const own = Array.isArray(content)
    ? joinedContents(blocks.map((block, at) => (isResult(block) ? "" : readContent(block, `${field}.${at}`))))
    : readContent(content, field);
  const lastResult = promptMessages.at(-1);
  if (own === "" && lastResult !== undefined && before !== "") {
    return [...promptMessages.slice(0, -1), withContent(lastResult, "", before)];
  }
  if (own === "" && before === "" && lastResult !== undefined) return promptMessages;
  return [...promptMessages, { role: "user", content: joinedContents([before, own]) }];
}

type Block = Readonly<Record<string, unknown>>;

function blocksIn(content: unknown): readonly Block[] {
  return Array.isArray(content)
    ? content.map(
        (block) => (typeof block === "object" && block !== null ? block : { type: "text", text: block }) as Block,
      )
    : [];
}

/** Results of tools that Anthropic runs are in the assistant's message. */
function isResult({ type }: Block): boolean {
  return typeof type === "string" && type.endsWith("tool_result");
}

function resultOf(block: Block, field: string): PromptMessage & { role: "tool" } {
  const { tool_use_id: id, is_error: isError } = block;
  const content = joinedContents(partsIn(readContent(block["content"], `${field}.content`)).map((part) => [part]));
  const failed = typeof content === "string" ? `Error: ${content}` : joinedContents(["Error:", content]);
  return { role: "tool", content: isError === true ? failed : content, tool_call_id: typeof id === "string" ? id : "" };
}

/** A result of a tool that Anthropic ran ends the message with its call. */
function assistantMessages(content: unknown, field: string): readonly PromptMessage[] {
  const blocks = blocksIn(content);
  const result = blocks.findIndex(isResult);
  const [block] = blocks.slice(result, result + 1);
  if (result === -1 || block === undefined) return assistantTurn(content, field);
  return [
    ...assistantTurn(blocks.slice(0, result), field),
    resultOf(block, `${field}.${result}`),
    ...assistantMessages(blocks.slice(result + 1), field),
  ];
}

function assistantTurn(content: unknown, field: string): readonly PromptMessage[] {
  const blocks = blocksIn(content);
  const isCall = ({ type }: Block): boolean => typeof type === "string" && type.endsWith("tool_use");
  const { words, thoughts } = readAnswer(
    Array.isArray(content) ? blocks.filter((block) => !isCall(block)) : content,
    field,
  );
  const text = contentText(words);
  const calls = blocks.filter(isCall).map(({ id, name, server_name: server, input }) => {
    const called = typeof server === "string" ? `${server}__${String(name)}` : String(name);
    return callOf(typeof id === "string" ? id : "", called, input);
  });
  if (text === "" && thoughts === "" && calls.length === 0) return [];
  return [
    {
      role: "assistant",
      content: text,
      ...(thoughts === "" ? {} : { reasoning_content: thoughts }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  ];
}

function textsIn(content: unknown): readonly string[] {
  return partsIn(readContent(content, "system")).map((part) => contentText([part]).trimEnd());
}
