// Owns the position of instructions in a conversation: most templates accept one system message, and only at the start. A later system message
// becomes part of a neighbouring message. So the earlier messages do not change, and their KV cache stays valid.
import type { ChatMessage } from "@waggle/protocol";

type Content = ChatMessage["content"];

/**
 * Adds later instructions to the user message or tool result before them, else to the next user message or tool result. If the assistant's message
 * comes first, the instructions become a user message. No message is put between a call and its result.
 */
export function withOneSystemMessage(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const first = messages.findIndex((message) => !instructs(message));
  const opening = first === -1 ? messages : messages.slice(0, first);
  const turns: ChatMessage[] = [];
  if (opening.length > 0)
    turns.push({ role: "system", content: joined(opening.map(({ content }) => textOf(content))) });
  /** Instructions to add to the next message. */
  let waiting = "";
  for (const message of messages.slice(opening.length)) {
    const last = turns.at(-1);
    if (instructs(message)) {
      const text = `<system>\n${textOf(message.content)}\n</system>`;
      if (last?.role === "user" || last?.role === "tool") turns[turns.length - 1] = withText(last, "", text);
      else waiting = joined([waiting, text]);
      continue;
    }
    if (message.role === "user") turns.push(withText(message, waiting, ""));
    else if (message.role === "tool") turns.push(withText(message, "", waiting));
    else turns.push(...userTexts(waiting), message);
    waiting = "";
  }
  return [...turns, ...userTexts(waiting)];
}

function instructs({ role }: ChatMessage): boolean {
  return role === "system" || role === "developer";
}

function withText<T extends ChatMessage & { role: "user" | "tool" }>(message: T, before: string, after: string): T {
  return before === "" && after === ""
    ? message
    : { ...message, content: joined([before, textOf(message.content), after]) };
}

function userTexts(text: string): readonly ChatMessage[] {
  return text === "" ? [] : [{ role: "user", content: text }];
}

function textOf(content: Content): string {
  return typeof content === "string" ? content : (content ?? []).map(({ text }) => text).join("");
}

/** Joins parts of a prompt; empty parts are left out. */
export function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n\n");
}
