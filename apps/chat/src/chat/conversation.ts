// Owns a conversation: its turns, its settings, and what of it is sent to the worker. Pure.
import type { GenerateRequestInput } from "@waggle/protocol";
import { isLive } from "./answer.ts";
import type { Answer } from "./answer.ts";
import { withAttachments } from "./attachments/attachment.ts";
import type { Attachment } from "./attachments/attachment.ts";

/** A message of this page: it has texts and nothing else. */
interface Said {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface UserTurn {
  readonly role: "user";
  readonly id: string;
  readonly text: string;
  readonly attachments?: readonly Attachment[];
}

export type Turn = UserTurn | Answer;

export const samplingNames = [
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "repeat_penalty",
  "max_tokens",
  "seed",
] as const;
export type SamplingName = (typeof samplingNames)[number];

export interface Settings {
  readonly system: string;
  /** What is not here is the worker's default. */
  readonly sampling: Readonly<Partial<Record<SamplingName, number>>>;
  /** Which one answers, where the worker has several. */
  readonly model?: string;
}

export interface Conversation {
  /** The `session_id` too: one stream at a time for each conversation. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  readonly settings: Settings;
  readonly turns: readonly Turn[];
}

const titleChars = 60;

export function titleOf({ turns }: Conversation): string {
  const first = turns.find((turn) => turn.role === "user");
  if (first === undefined) return "New conversation";
  const line = first.text.trim().replaceAll(/\s+/g, " ") || (first.attachments?.[0]?.name ?? "");
  return line.length > titleChars ? `${line.slice(0, titleChars - 1)}…` : line;
}

/** The answer that is still coming, if there is one. */
export function liveAnswer({ turns }: Conversation): Answer | undefined {
  return turns.findLast((turn): turn is Answer => turn.role === "assistant" && isLive(turn));
}

/** Whether `theirs`, as another tab wrote it, has less of the answer that is coming than `ours`. */
export function isBehind(theirs: Conversation, ours: Conversation): boolean {
  const [their, our] = [liveAnswer(theirs), liveAnswer(ours)];
  return their !== undefined && their.jobId === our?.jobId && their.lastIndex < our.lastIndex;
}

export function findAnswer({ turns }: Conversation, answerId: string): Answer | undefined {
  return turns.find((turn): turn is Answer => turn.role === "assistant" && turn.id === answerId);
}

export function withAnswer(conversation: Conversation, answer: Answer): Conversation {
  return { ...conversation, turns: conversation.turns.map((turn) => (turn.id === answer.id ? answer : turn)) };
}

/** How much the worker's context holds, as far as it is known. */
export interface Room {
  readonly contextTokens: number | undefined;
  /** Of this conversation's text in this model's tokens. */
  readonly charsPerToken: number;
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
 * always stay. A message that nobody answered is joined to the next one, because templates want the roles to alternate.
 */
export function messagesFor(conversation: Conversation, answerId: string, room: Room): Fitted {
  const end = conversation.turns.findIndex(({ id }) => id === answerId);
  const history = joined(conversation.turns.slice(0, end));
  const system = conversation.settings.system.trim();
  const first: Said[] = system === "" ? [] : [{ role: "system", content: system }];
  const limit = room.contextTokens === undefined ? Infinity : room.contextTokens * historyShare * room.charsPerToken;
  let chars = system.length + (history.at(-1)?.content.length ?? 0);
  let start = Math.max(0, history.length - 1);
  while (start >= 2) {
    const pair = history.slice(start - 2, start);
    chars += pair.reduce((sum, { content }) => sum + content.length, 0);
    if (chars > limit) break;
    start -= 2;
  }
  return { messages: [...first, ...history.slice(start)], leftOut: start };
}

/** User and assistant in turn, the user first and last. */
function joined(turns: readonly Turn[]): Said[] {
  const messages: Said[] = [];
  for (const turn of turns) {
    const { role } = turn;
    const text = role === "user" ? withAttachments(turn.text, turn.attachments) : turn.text;
    if (text === "") continue;
    const last = messages.at(-1);
    if (last?.role === role) messages[messages.length - 1] = { role, content: `${last.content}\n\n${text}` };
    else messages.push({ role, content: text });
  }
  return messages;
}

export function requestFor(
  conversation: Conversation,
  answer: Answer,
  messages: readonly Said[],
): GenerateRequestInput {
  return {
    messages: [...messages],
    ...(answer.model === undefined ? {} : { model: answer.model }),
    ...conversation.settings.sampling,
    job_id: answer.jobId,
    session_id: conversation.id,
    // The worker finishes the answer whatever becomes of the connection; Stop is a DELETE.
    on_disconnect: "continue",
  };
}

export function charsIn(messages: readonly Said[]): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}
