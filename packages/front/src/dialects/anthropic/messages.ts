// Converts a conversation in Anthropic's blocks to the messages that all dialects share. Empty blocks are left out: keep-alive deltas of earlier
// answers may have started such blocks.
import type { AnthropicAssistantBlock, AnthropicUserBlock, ChatMessage, CountTokensRequest } from "@waggle/protocol";
import { withUserMessage } from "../../conversation/messages.ts";
import { joined, joinedContents, withContent } from "../../conversation/system-messages.ts";

/** First line of Claude Code's system prompt. The line changes with each request, which would make cached prefixes useless. */
const billingLine = /^x-anthropic-billing-header:[^\n]*\n*/;

type Content = Extract<ChatMessage, { role: "user" }>["content"];
type Turns = Pick<CountTokensRequest, "system" | "messages">;

/**
 * Converts the conversation. A system message after the first turn is added to the user's text or the tool result before it, else to the next user
 * text. Most templates accept no later system message, and moving the message to the front would change the whole prompt. No message may separate a
 * call from its result.
 */
export function chatMessagesOf({ system, messages }: Turns): readonly ChatMessage[] {
  const first = messages.findIndex(({ role }) => role !== "system");
  const begin = first === -1 ? messages.length : first;
  const leading = messages.slice(0, begin).flatMap(({ content }) => textsOf(content));
  const instructions = joined([...textsOf(system ?? []), ...leading].map((text) => text.replace(billingLine, "")));
  const turns: ChatMessage[] = instructions === "" ? [] : [{ role: "system", content: instructions }];

  /** System messages to add to the next user message. */
  let waiting = "";
  const flush = (): void => {
    if (waiting !== "") turns.push({ role: "user", content: waiting });
    waiting = "";
  };
  for (const message of messages.slice(begin)) {
    switch (message.role) {
      case "user":
        turns.push(...userTurns(message.content, waiting));
        waiting = "";
        break;
      case "assistant":
        flush();
        turns.push(...assistantTurn(message.content));
        break;
      case "system": {
        const text = joined(textsOf(message.content));
        if (text === "") break;
        const last = turns.at(-1);
        const folded = `<system>\n${text}\n</system>`;
        if (last?.role === "user" || last?.role === "tool") turns[turns.length - 1] = withContent(last, "", folded);
        else waiting = joined([waiting, folded]);
      }
    }
  }
  flush();
  return withUserMessage(turns);
}

/** @param before text to put before the user's text */
function userTurns(blocks: readonly AnthropicUserBlock[], before: string): readonly ChatMessage[] {
  const turns: (ChatMessage & { role: "user" | "tool" })[] = blocks.flatMap((block) => {
    if (block.type !== "tool_result") return [];
    return [{ role: "tool" as const, content: resultOf(block), tool_call_id: block.tool_use_id }];
  });
  const own = contentOf(blocks);
  const lastResult = turns.at(-1);
  if (own === "" && lastResult !== undefined && before !== "") {
    turns[turns.length - 1] = withContent(lastResult, "", before);
  } else if (own !== "" || before !== "" || lastResult === undefined) {
    turns.push({ role: "user", content: joinedContents([before, own]) });
  }
  return turns;
}

function resultOf({ content, is_error: isError }: Extract<AnthropicUserBlock, { type: "tool_result" }>): Content {
  const result = contentOf(content ?? []);
  if (isError !== true) return result;
  return typeof result === "string" ? `Error: ${result}` : joinedContents(["Error:", result]);
}

/** The texts and pictures; other blocks are left out. */
function contentOf(blocks: readonly AnthropicUserBlock[]): Content {
  return joinedContents(
    blocks.flatMap((block): Content[] => {
      if (block.type === "text") return [block.text];
      if (block.type !== "image") return [];
      const { source } = block;
      return [[{ type: "image_url", image_url: { url: source.type === "url" ? source.url : source.data } }]];
    }),
  );
}

function assistantTurn(blocks: readonly AnthropicAssistantBlock[]): readonly ChatMessage[] {
  const content = textsOf(blocks).join("");
  const thoughts = joined(blocks.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])));
  const calls = blocks.flatMap((block) =>
    block.type === "tool_use"
      ? [
          {
            id: block.id,
            type: "function" as const,
            // Keeps the client's order of the keys: a different order would change the prompt.
            function: { name: block.name, arguments: JSON.stringify(block.input) },
          },
        ]
      : [],
  );
  if (content === "" && thoughts === "" && calls.length === 0) return [];
  return [
    {
      role: "assistant",
      content,
      ...(thoughts === "" ? {} : { reasoning_content: thoughts }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  ];
}

function textsOf(blocks: readonly { readonly type: string; readonly text?: string }[]): readonly string[] {
  return blocks.flatMap(({ type, text }) => (type === "text" && text !== undefined ? [text] : []));
}
