// Owns a conversation: its messages, its settings, and the request for its next answer. Pure.
import type { ChatAbilities, GenerateRequestInput } from "@waggle/protocol";
import type { Attachment } from "../attachments/attachment.ts";
import { messagesOfSteps } from "../mcp/mcp-steps.ts";
import { settingsInRequest, type Settings } from "../settings/settings.ts";
import { messagesOfCalls, type ChatMessage, type ToolResult } from "../tool-calls/tool-calls.ts";
import { isLive, type Answer } from "./answer.ts";
import { messageContent, joinedContent, lengthOf } from "./message-content.ts";
import type { Removed } from "./removed-messages.ts";
import { pathTo, shownPath, type Chosen, type TreeMessage } from "./message-tree.ts";

export interface UserMessage extends TreeMessage {
  readonly role: "user";
  readonly text: string;
  readonly attachments?: readonly Attachment[];
  /** Results of the previous answer's tool calls, instead of a text. */
  readonly results?: readonly ToolResult[];
}

export type Message = UserMessage | Answer;

/** The searchable text of a message: its text, results of tool calls, and file names. */
export function searchText(message: Message): string {
  if (message.role === "assistant") return message.text;
  const { text, results = [], attachments = [] } = message;
  return [text, ...results.map((result) => result.text), ...attachments.map(({ name }) => name)]
    .filter((words) => words !== "")
    .join("\n");
}

/** A conversation without its messages. */
export interface Head {
  /** Also the `session_id` of its requests: a conversation has one stream at a time. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  /** The first message, shortened; or the visitor's title. */
  readonly title: string;
  /** Set if the visitor wrote the title, which then stays. */
  readonly named?: true;
  readonly pinned?: true;
  readonly settings: Settings;
  readonly chosen: Chosen;
  /** When the conversation was deleted. Milliseconds since 1970. It is hidden, and removed when the time to undo is over. */
  readonly deletedAt?: number;
  /** The deleted messages. They are hidden at once, and removed from the storage when the time to undo is over. */
  readonly removed?: Removed;
}

export interface Conversation extends Head {
  /** All messages of all branches, in no order. The stored name is `turns`, also in the database and in exported files. */
  readonly turns: readonly Message[];
}

export const untitled = "New conversation";
const titleChars = 160;

export function titleFor({ text, attachments }: Pick<UserMessage, "text" | "attachments">): string {
  const line = text.trim().replaceAll(/\s+/g, " ") || (attachments?.[0]?.name ?? "");
  // Do not cut a character of two UTF-16 units in half.
  return line.length > titleChars ? `${line.slice(0, titleChars - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : line;
}

const paths = new WeakMap<Conversation, readonly Message[]>();

/** The shown branch, from the first message on. */
export function shownMessages(conversation: Conversation): readonly Message[] {
  const known = paths.get(conversation);
  if (known !== undefined) return known;
  const path = shownPath(conversation.turns, conversation.chosen);
  paths.set(conversation, path);
  return path;
}

/** All answers that still stream, on all branches, last first. There are two if two tabs sent a message at the same moment. */
export function liveAnswers({ turns }: Pick<Conversation, "turns">): readonly Answer[] {
  return turns.filter(isComing).toReversed();
}

/** The last answer that still streams. */
export function liveAnswer({ turns }: Pick<Conversation, "turns">): Answer | undefined {
  return turns.findLast(isComing);
}

/** The last answer of the shown branch that still streams. */
export function shownLiveAnswer(conversation: Conversation): Answer | undefined {
  return shownMessages(conversation).findLast(isComing);
}

function isComing(message: Message): message is Answer {
  return message.role === "assistant" && isLive(message);
}

export function findAnswer({ turns }: Pick<Conversation, "turns">, answerId: string): Answer | undefined {
  return turns.find((message): message is Answer => message.role === "assistant" && message.id === answerId);
}

/** The facts about the answering model that shape a request. */
export interface Room {
  readonly contextTokens: number | undefined;
  /** Measured ratio for this conversation's text with this model's tokenizer. */
  readonly charsPerToken: number;
  /** Whether the model sees pictures; undefined while it is unknown. */
  readonly sees?: boolean | undefined;
  /** The model's switches for thinking; undefined while they are unknown. */
  readonly chat?: ChatAbilities | undefined;
}

/** Assumed for a model without a measured ratio; few models have fewer characters per token. */
export const assumedCharsPerToken = 3;
/** Assumed for a picture, whose tokens the page cannot count. */
const assumedPictureTokens = 1_000;
/** The history may fill this share of the context; the rest is for the answer. */
const historyShare = 0.5;

export interface Fitted {
  readonly messages: readonly ChatMessage[];
  readonly leftOut: number;
}

/**
 * The messages that lead to the answer, without the oldest messages if the context cannot hold all. The system prompt and the last message
 * always stay. A message without an answer is joined to the next message, because templates require alternating roles. The text of an answer
 * to continue comes last. Each picture is named by its attachment: `attachmentIdOf`.
 */
export function messagesFor(conversation: Conversation, answerId: string, room: Room): Fitted {
  const path = pathTo(conversation.turns, answerId);
  const begun = findAnswer(conversation, answerId)?.text ?? "";
  const history = fromFirstMessage(joined(path.slice(0, -1), room.sees !== false));
  const system = conversation.settings.system.trim();
  const first: ChatMessage[] = system === "" ? [] : [{ role: "system", content: system }];
  const limit = room.contextTokens === undefined ? Infinity : room.contextTokens * historyShare * room.charsPerToken;
  // The messages between two messages of the visitor belong together: a call without its result would make no sense.
  const starts = history.flatMap(({ role }, i) => (role === "user" ? [i] : []));
  let start = starts.pop() ?? 0;
  let chars = system.length + begun.length + charsIn(history.slice(start));
  for (let next = starts.pop(); next !== undefined; next = starts.pop()) {
    chars += charsIn(history.slice(next, start));
    if (chars > limit) break;
    start = next;
  }
  const last: ChatMessage[] = begun === "" ? [] : [{ role: "assistant", content: begun }];
  return { messages: [...first, ...history.slice(start), ...last], leftOut: start };
}

/** Without answers whose message was deleted: templates want a message of the user first. */
function fromFirstMessage(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const first = messages.findIndex(({ role }) => role === "user");
  return messages.slice(Math.max(0, first));
}

/** User and assistant alternate; tool calls and their results are between them. */
function joined(branch: readonly Message[], sees: boolean): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const [i, message] of branch.entries()) {
    const next = branch[i + 1];
    if (message.role === "assistant") messages.push(...messagesOfSteps(message.mcpSteps ?? []));
    const calling =
      message.role === "assistant" && next?.role === "user" ? messagesOfCalls(message, next.results ?? []) : undefined;
    if (calling === undefined) join(messages, message, sees);
    else messages.push(...calling);
  }
  return messages;
}

function join(messages: ChatMessage[], message: Message, sees: boolean): void {
  const last = messages.at(-1);
  if (message.role === "user") {
    const content = messageContent(message, sees);
    if (content === "") return;
    if (last?.role !== "user") messages.push({ role: "user", content });
    else messages[messages.length - 1] = { role: "user", content: joinedContent(last.content, content) };
    return;
  }
  if (message.text === "") return;
  if (last?.role !== "assistant" || last.tool_calls !== undefined)
    messages.push({ role: "assistant", content: message.text });
  else messages[messages.length - 1] = { role: "assistant", content: `${last.content ?? ""}\n\n${message.text}` };
}

/** Assumed for a model with an unknown context, so that an answer without a reader ends too. */
const assumedContextTokens = 32_768;

export function requestFor(
  conversation: Conversation,
  answer: Answer,
  { messages, contextTokens, chat }: Pick<Fitted, "messages"> & Pick<Room, "contextTokens" | "chat">,
): GenerateRequestInput {
  return {
    messages: [...messages],
    ...(messages.at(-1)?.role === "assistant" ? { continue_final_message: true } : {}),
    ...(answer.model === undefined ? {} : { model: answer.model }),
    max_tokens: contextTokens ?? assumedContextTokens,
    ...settingsInRequest(conversation.settings, chat),
    job_id: answer.jobId,
    session_id: conversation.id,
    // The worker finishes the answer even without a connection, and keeps the answer for a while. To stop it, the page sends a DELETE.
    on_disconnect: "continue",
  };
}

export function charsIn(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, message) => sum + charsOf(message), 0);
}

function charsOf(message: ChatMessage): number {
  const content = lengthOf(message.content ?? "", assumedPictureTokens * assumedCharsPerToken);
  if (message.role !== "assistant") return content;
  const calls = message.tool_calls?.reduce((sum, call) => sum + call.function.arguments.length, 0) ?? 0;
  return content + (message.reasoning_content?.length ?? 0) + calls;
}
