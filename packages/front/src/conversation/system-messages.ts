// Owns the position of instructions in a conversation: most templates accept one system message, and only at the start. A later system message
// becomes part of a neighbouring message. So the earlier messages do not change, and their KV cache stays valid.
import { partsIn, contentText } from "./parts.ts";
import type { Content, MessageContentPart, PromptMessage } from "./parts.ts";

/**
 * Adds later instructions to the user message or tool result before them, else to the next user message or tool result. If the assistant's message
 * comes first, the instructions become a user message. No message is put between a call and its result.
 */
export function withOneSystemMessage(messages: readonly PromptMessage[]): readonly PromptMessage[] {
  const first = messages.findIndex((message) => !instructs(message));
  const opening = first === -1 ? messages : messages.slice(0, first);
  const turns: PromptMessage[] = [];
  if (opening.length > 0)
    turns.push({ role: "system", content: joinedContents(opening.map(({ content }) => content ?? "")) });
  /** Instructions to add to the next message. */
  let waiting: Content = "";
  for (const message of messages.slice(opening.length)) {
    const last = turns.at(-1);
    if (instructs(message)) {
      const told = tagged(message.content ?? "");
      if (last?.role === "user" || last?.role === "tool") turns[turns.length - 1] = withContent(last, "", told);
      else waiting = joinedContents([waiting, told]);
      continue;
    }
    if (message.role === "user") turns.push(withContent(message, waiting, ""));
    else if (message.role === "tool") turns.push(withContent(message, "", waiting));
    else turns.push(...userTurns(waiting), message);
    waiting = "";
  }
  return [...turns, ...userTurns(waiting)];
}

function instructs({ role }: PromptMessage): boolean {
  return role === "system" || role === "developer";
}

function tagged(content: Content): Content {
  if (!hasOthers(content)) return `<system>\n${contentText(content)}\n</system>`;
  return [...partsIn("<system>"), ...partsIn(content), ...partsIn("</system>")];
}

/** Adds content before and after that of a message. */
export function withContent<T extends PromptMessage & { role: "user" | "tool" }>(
  message: T,
  before: Content,
  after: Content,
): T {
  return before === "" && after === ""
    ? message
    : { ...message, content: joinedContents([before, message.content, after]) };
}

function userTurns(content: Content): readonly PromptMessage[] {
  return content === "" ? [] : [{ role: "user", content }];
}

/** Joins contents with blank lines between their texts; empty contents are left out. The result is a text if there are no pictures. */
export function joinedContents(contents: readonly Content[]): Content {
  if (!contents.some(hasOthers)) return joined(contents.map(contentText));
  const parts: MessageContentPart[] = [];
  for (const content of contents) {
    const [first, ...rest] = partsIn(content);
    const last = parts.at(-1);
    if (first?.type === "text" && last?.type === "text") {
      parts[parts.length - 1] = { type: "text", text: joined([last.text, first.text]) };
    } else if (first !== undefined) parts.push(first);
    parts.push(...rest);
  }
  return parts;
}

function hasOthers(content: Content): boolean {
  return typeof content !== "string" && content.some(({ type }) => type !== "text");
}

/** Joins parts of a prompt; empty parts are left out. */
export function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== "").join("\n\n");
}
