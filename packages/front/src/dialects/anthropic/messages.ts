// Owns how a conversation in Anthropic's blocks becomes the messages that all dialects share. Blocks that say nothing are left out: a
// stream that was kept alive may have begun some.
import type { AnthropicAssistantBlock, AnthropicUserBlock, ChatMessage, CountTokensRequest } from "@waggle/protocol";
import { withUserMessage } from "../../conversation/messages.ts";

/** Separates blocks of a prompt. The model's blocks are parts of one text. */
const between = "\n\n";

/** What Claude Code begins with, another one in each request: no prompt would begin like the one before. */
const billingLine = /^x-anthropic-billing-header:[^\n]*\n*/;

type Said = Pick<CountTokensRequest, "system" | "messages">;

/**
 * A system message after the first turn becomes part of a neighbouring text: the user's or a result's before it, else the user's next.
 * Most templates take none there, to move it to the front would change all of the prompt, and nothing may stand between a call and its
 * result.
 */
export function chatMessagesOf({ system, messages }: Said): readonly ChatMessage[] {
  const first = messages.findIndex(({ role }) => role !== "system");
  const begin = first === -1 ? messages.length : first;
  const leading = messages.slice(0, begin).flatMap(({ content }) => textsOf(content));
  const told = joined([...textsOf(system ?? []), ...leading].map((text) => text.replace(billingLine, "")));
  const turns: ChatMessage[] = told === "" ? [] : [{ role: "system", content: told }];

  /** Text of system messages that wait for the next user message. */
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
        if (last?.role === "user" || last?.role === "tool") turns[turns.length - 1] = withText(last, folded);
        else waiting = joined([waiting, folded]);
      }
    }
  }
  flush();
  return withUserMessage(turns);
}

/** @param before text that is put before the user's own text */
function userTurns(blocks: readonly AnthropicUserBlock[], before: string): readonly ChatMessage[] {
  const turns: (ChatMessage & { role: "user" | "tool" })[] = blocks.flatMap((block) => {
    if (block.type !== "tool_result") return [];
    const text = joined(textsOf(block.content ?? []));
    const content = block.is_error === true ? `Error: ${text}` : text;
    return [{ role: "tool" as const, content, tool_call_id: block.tool_use_id }];
  });
  const own = joined(textsOf(blocks));
  const lastResult = turns.at(-1);
  if (own === "" && lastResult !== undefined && before !== "") {
    turns[turns.length - 1] = withText(lastResult, before);
  } else if (own !== "" || before !== "" || lastResult === undefined) {
    turns.push({ role: "user", content: joined([before, own]) });
  }
  return turns;
}

/** Returns no message if the blocks are empty. */
function assistantTurn(blocks: readonly AnthropicAssistantBlock[]): readonly ChatMessage[] {
  const content = textsOf(blocks).join("");
  const thoughts = joined(blocks.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])));
  const calls = blocks.flatMap((block) =>
    block.type === "tool_use"
      ? [
          {
            id: block.id,
            type: "function" as const,
            // Keep the client's order of the keys: a different order would change the prompt.
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

function withText<T extends ChatMessage & { role: "user" | "tool" }>(message: T, text: string): T {
  const { content } = message;
  return { ...message, content: joined([typeof content === "string" ? content : "", text]) };
}

function textsOf(blocks: readonly { readonly type: string; readonly text?: string }[]): readonly string[] {
  return blocks.flatMap(({ type, text }) => (type === "text" && text !== undefined ? [text] : []));
}

function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join(between);
}
