// Owns a conversation: its turns, its settings, and what of it is sent to the worker. Pure.
import type { ChatAbilities, GenerateRequestInput } from "@waggle/protocol";
import { isLive } from "./answer.ts";
import type { Answer } from "./answer.ts";
import { withAttachments } from "./attachments/attachment.ts";
import type { Attachment } from "./attachments/attachment.ts";
import { settingsInRequest } from "./settings/settings.ts";
import type { Settings } from "./settings/settings.ts";
import { messagesOfCalls } from "./tool-calls/tool-calls.ts";
import type { ToolResult } from "./tool-calls/tool-calls.ts";
import { pathTo, shownPath } from "./turn-tree.ts";
import type { Chosen, TreeTurn } from "./turn-tree.ts";

type Said = NonNullable<GenerateRequestInput["messages"]>[number];

export interface UserTurn extends TreeTurn {
  readonly role: "user";
  readonly text: string;
  readonly attachments?: readonly Attachment[];
  /** In the place of words: what the calls of the answer before gave. */
  readonly results?: readonly ToolResult[];
}

export type Turn = UserTurn | Answer;

/** Where words are looked for: what was said, what calls gave, and the names of files. */
export function wordsOf(turn: Turn): string {
  if (turn.role === "assistant") return turn.text;
  const { text, results = [], attachments = [] } = turn;
  return [text, ...results.map((result) => result.text), ...attachments.map(({ name }) => name)]
    .filter((words) => words !== "")
    .join("\n");
}

/** What is known of a conversation without its turns. */
export interface Head {
  /** The `session_id` too: one stream at a time for each conversation. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  /** Its first message, shortened; or the name that it was given. */
  readonly title: string;
  /** The title was given, and stays. */
  readonly named?: true;
  readonly pinned?: true;
  readonly settings: Settings;
  readonly chosen: Chosen;
  /** Milliseconds since 1970; it is hidden, and removed when the time to undo that is over. */
  readonly deletedAt?: number;
}

export interface Conversation extends Head {
  /** All of them, those of other branches too, in no order. */
  readonly turns: readonly Turn[];
}

export const untitled = "New conversation";
const titleChars = 60;

/** What a conversation is called that begins with this message. */
export function titleFor({ text, attachments }: Pick<UserTurn, "text" | "attachments">): string {
  const line = text.trim().replaceAll(/\s+/g, " ") || (attachments?.[0]?.name ?? "");
  // Not within a character that takes two of a string's units.
  return line.length > titleChars ? `${line.slice(0, titleChars - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : line;
}

const paths = new WeakMap<Conversation, readonly Turn[]>();

/** The branch that is shown, from the first turn on. */
export function shownTurns(conversation: Conversation): readonly Turn[] {
  const known = paths.get(conversation);
  if (known !== undefined) return known;
  const path = shownPath(conversation.turns, conversation.chosen);
  paths.set(conversation, path);
  return path;
}

/** The answers that are still coming, on whichever branches, the last one first: two where two tabs have asked at the same moment. */
export function liveAnswers({ turns }: Pick<Conversation, "turns">): readonly Answer[] {
  return turns.filter(isComing).toReversed();
}

/** The last of them. */
export function liveAnswer({ turns }: Pick<Conversation, "turns">): Answer | undefined {
  return turns.findLast(isComing);
}

/** The same, where it comes on the branch that is shown. */
export function shownLiveAnswer(conversation: Conversation): Answer | undefined {
  return shownTurns(conversation).findLast(isComing);
}

function isComing(turn: Turn): turn is Answer {
  return turn.role === "assistant" && isLive(turn);
}

export function findAnswer({ turns }: Pick<Conversation, "turns">, answerId: string): Answer | undefined {
  return turns.find((turn): turn is Answer => turn.role === "assistant" && turn.id === answerId);
}

/** How much the worker's context holds, as far as it is known. */
export interface Room {
  readonly contextTokens: number | undefined;
  /** Of this conversation's text in this model's tokens. */
  readonly charsPerToken: number;
  /** What the model can be told about its thoughts; undefined while that is not known. */
  readonly chat?: ChatAbilities | undefined;
}

/** For a model of which nothing has been measured yet; few have less. */
export const assumedCharsPerToken = 3;
/** The history may fill this share of the context; the rest is for the answer. */
const historyShare = 0.5;

export interface Fitted {
  readonly messages: readonly Said[];
  readonly leftOut: number;
}

/**
 * The messages that lead to the answer, oldest ones left out when the context cannot hold them. The system prompt and the last message
 * always stay. A message that nobody answered is joined to the next one, because templates want the roles to alternate. What there is of an
 * answer that is to be continued comes last.
 */
export function messagesFor(conversation: Conversation, answerId: string, room: Room): Fitted {
  const path = pathTo(conversation.turns, answerId);
  const begun = findAnswer(conversation, answerId)?.text ?? "";
  const history = joined(path.slice(0, -1));
  const system = conversation.settings.system.trim();
  const first: Said[] = system === "" ? [] : [{ role: "system", content: system }];
  const limit = room.contextTokens === undefined ? Infinity : room.contextTokens * historyShare * room.charsPerToken;
  // From one message of the visitor to the next one all belongs together: a call without its result would make no sense.
  const starts = history.flatMap(({ role }, i) => (role === "user" ? [i] : []));
  let start = starts.pop() ?? 0;
  let chars = system.length + begun.length + charsIn(history.slice(start));
  for (let next = starts.pop(); next !== undefined; next = starts.pop()) {
    chars += charsIn(history.slice(next, start));
    if (chars > limit) break;
    start = next;
  }
  const last: Said[] = begun === "" ? [] : [{ role: "assistant", content: begun }];
  return { messages: [...first, ...history.slice(start), ...last], leftOut: start };
}

/** User and assistant in turn, the user first; between them calls with their results. */
function joined(turns: readonly Turn[]): Said[] {
  const messages: Said[] = [];
  for (const [i, turn] of turns.entries()) {
    const next = turns[i + 1];
    const calling =
      turn.role === "assistant" && next?.role === "user" ? messagesOfCalls(turn, next.results ?? []) : undefined;
    if (calling === undefined) join(messages, turn);
    else messages.push(...calling);
  }
  return messages;
}

function join(messages: Said[], turn: Turn): void {
  const { role } = turn;
  const text = role === "user" ? withAttachments(turn.text, turn.attachments) : turn.text;
  if (text === "") return;
  const last = messages.at(-1);
  const isCalling = last?.role === "assistant" && last.tool_calls !== undefined;
  if (last?.role !== role || isCalling) messages.push({ role, content: text });
  else messages[messages.length - 1] = { role, content: `${last.content ?? ""}\n\n${text}` };
}

/** For a model whose context is not known yet: an answer that nobody reads has to end some time. */
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
    // The worker finishes the answer whatever becomes of the connection, and keeps it for a while; Stop is a DELETE.
    on_disconnect: "continue",
  };
}

export function charsIn(messages: readonly Said[]): number {
  return messages.reduce((sum, message) => sum + charsOf(message), 0);
}

function charsOf(message: Said): number {
  const content = message.content?.length ?? 0;
  if (message.role !== "assistant") return content;
  const calls = message.tool_calls?.reduce((sum, call) => sum + call.function.arguments.length, 0) ?? 0;
  return content + (message.reasoning_content?.length ?? 0) + calls;
}
