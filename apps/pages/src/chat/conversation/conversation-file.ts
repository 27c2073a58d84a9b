// Owns files of conversations: JSON to import again, and Markdown to read. Pure.
import { formatLongDate } from "../../parts/format.ts";
import { fenced } from "../attachments/attachment.ts";
import { prettyArguments } from "../tool-calls/tool-calls.ts";
import { isLive, stopped } from "./answer.ts";
import { shownMessages, type Conversation, type Message } from "./conversation.ts";
import { newId } from "./new-id.ts";
import { readConversation } from "./read-conversation.ts";

const format = "waggle-conversations";
const version = 1;
/** Limit for a file to import, which is in memory several times during the import. */
export const maxFileBytes = 256 * 1024 * 1024;

/** @param now milliseconds since 1970 */
export function toJson(conversations: readonly Conversation[], now: number): string {
  const exported = conversations.map((conversation) => ({ ...conversation, turns: conversation.turns.map(ended) }));
  return `${JSON.stringify({ format, version, exportedAt: new Date(now).toISOString(), conversations: exported }, null, 1)}\n`;
}

/** The shown branch of each conversation. */
export function toMarkdown(conversations: readonly Conversation[]): string {
  return conversations.map(markdownOf).join("\n---\n\n");
}

function markdownOf(conversation: Conversation): string {
  const { title, updatedAt, settings } = conversation;
  const system = settings.system.trim();
  const parts = [
    `# ${title}`,
    `*${formatLongDate(updatedAt)}*`,
    ...(system === "" ? [] : ["## System prompt", system]),
    ...shownMessages(conversation).flatMap(messageMarkdown),
  ];
  return `${parts.join("\n\n")}\n`;
}

function messageMarkdown(message: Message): readonly string[] {
  if (message.role === "user") {
    if (message.results !== undefined) {
      return message.results.flatMap(({ name, text }) => [`## Result of ${name}`, fenced(text)]);
    }
    const files =
      message.attachments?.map(
        ({ name, picture }) => `- attached: ${name}${picture === undefined ? "" : " (a picture)"}`,
      ) ?? [];
    return [
      "## You",
      ...(files.length === 0 ? [] : [files.join("\n")]),
      ...(message.text === "" ? [] : [message.text]),
    ];
  }
  const by = message.model === undefined ? "Answer" : `Answer (${message.model})`;
  const calls = message.calls?.map((call) => `Calls ${call.name}:\n\n${fenced(prettyArguments(call), "json")}`) ?? [];
  const text = message.text === "" && calls.length === 0 ? "*No text.*" : message.text;
  return [`## ${message.edited === true ? `${by}, edited` : by}`, ...(text === "" ? [] : [text]), ...calls];
}

/** @throws Error whose message is a sentence: "Cannot import notes.json: it is not JSON." */
export function fromJson(text: string, name: string): readonly Conversation[] {
  const refuse = (reason: string): Error => new Error(`Cannot import ${name}: ${reason}.`);
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw refuse("it is not JSON");
  }
  if (typeof file !== "object" || file === null || !("format" in file) || file.format !== format) {
    throw refuse("it was not exported by this page");
  }
  if (!("version" in file) || file.version !== version) {
    throw refuse("a newer version of this page exported it");
  }
  if (!("conversations" in file) || !Array.isArray(file.conversations)) throw refuse("it has no conversations");
  try {
    return file.conversations.map((value, i) => {
      const conversation = readConversation(value, `conversation ${i + 1}`);
      return { ...conversation, turns: conversation.turns.map(ended) };
    });
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Returns the conversation unchanged, so that its messages are merged with the stored ones. But if a message has other content in this browser,
 * returns a copy with a new id.
 * @param here the stored messages with the same conversation id
 */
export function withoutClash(conversation: Conversation, here: readonly Message[]): Conversation {
  const texts = new Map(here.map((message) => [message.id, message]));
  const clashes = conversation.turns.some((message) => {
    const ours = texts.get(message.id);
    return ours !== undefined && (ours.role !== message.role || fixedContent(ours) !== fixedContent(message));
  });
  return clashes ? { ...conversation, id: newId("chat"), title: `${conversation.title} (imported)` } : conversation;
}

/** The part of a message that never changes. An answer has no such part, because it grows. */
function fixedContent(message: Message): string {
  return message.role === "user" ? JSON.stringify([message.text, message.results, message.attachments]) : "";
}

/** An unfinished answer ends, because its stream belongs to another browser. */
function ended(message: Message): Message {
  return message.role === "assistant" && isLive(message) ? stopped(message) : message;
}
