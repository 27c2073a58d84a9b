// Owns files of conversations: JSON to import again, and Markdown to read. Pure.
import { formatLongDate } from "../../parts/format.ts";
import { fenced } from "../attachments/attachment.ts";
import { prettyArguments } from "../tool-calls/tool-calls.ts";
import { isLive, stopped } from "./answer.ts";
import { shownTurns, type Conversation, type Turn } from "./conversation.ts";
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
    ...shownTurns(conversation).flatMap(turnMarkdown),
  ];
  return `${parts.join("\n\n")}\n`;
}

function turnMarkdown(turn: Turn): readonly string[] {
  if (turn.role === "user") {
    if (turn.results !== undefined) {
      return turn.results.flatMap(({ name, text }) => [`## Result of ${name}`, fenced(text)]);
    }
    const files =
      turn.attachments?.map(
        ({ name, picture }) => `- attached: ${name}${picture === undefined ? "" : " (a picture)"}`,
      ) ?? [];
    return ["## You", ...(files.length === 0 ? [] : [files.join("\n")]), ...(turn.text === "" ? [] : [turn.text])];
  }
  const by = turn.model === undefined ? "Answer" : `Answer (${turn.model})`;
  const calls = turn.calls?.map((call) => `Calls ${call.name}:\n\n${fenced(prettyArguments(call), "json")}`) ?? [];
  const text = turn.text === "" && calls.length === 0 ? "*No text.*" : turn.text;
  return [`## ${turn.edited === true ? `${by}, edited` : by}`, ...(text === "" ? [] : [text]), ...calls];
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
 * Returns the conversation unchanged, so that its turns are merged with the stored turns. But if a message has other content in this browser,
 * returns a copy with a new id.
 * @param here the stored turns with the same conversation id
 */
export function withoutClash(conversation: Conversation, here: readonly Turn[]): Conversation {
  const texts = new Map(here.map((turn) => [turn.id, turn]));
  const clashes = conversation.turns.some((turn) => {
    const ours = texts.get(turn.id);
    return ours !== undefined && (ours.role !== turn.role || contentOf(ours) !== contentOf(turn));
  });
  return clashes ? { ...conversation, id: newId("chat"), title: `${conversation.title} (imported)` } : conversation;
}

/** The part of a turn that never changes. An answer has no such part, because it grows. */
function contentOf(turn: Turn): string {
  return turn.role === "user" ? JSON.stringify([turn.text, turn.results, turn.attachments]) : "";
}

/** An unfinished answer ends, because its stream belongs to another browser. */
function ended(turn: Turn): Turn {
  return turn.role === "assistant" && isLive(turn) ? stopped(turn) : turn;
}
