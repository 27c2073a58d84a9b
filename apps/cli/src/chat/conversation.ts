// Owns a conversation: what was said, and with which settings the next answer is asked for. Plain data and pure functions.
import type { GenerateRequestInput } from "@waggle/protocol";
import { requestOf, type RequestSettings } from "../answer/request-settings.ts";
import type { AnswerOutcome } from "../answer/show-answer.ts";

type Message = NonNullable<GenerateRequestInput["messages"]>[number];

export interface Conversation {
  readonly system: string | undefined;
  readonly messages: readonly Message[];
  readonly settings: RequestSettings;
  /** As requests name it; undefined: the worker's own. */
  readonly model: string | undefined;
  /** A new prompt supersedes an older one of the same session. */
  readonly sessionId: string;
}

export function requestFor(conversation: Conversation, prompt: string): GenerateRequestInput {
  const { system, messages, settings, model, sessionId } = conversation;
  const begin: Message[] = system === undefined ? [] : [{ role: "system", content: system }];
  return requestOf({
    messages: [...begin, ...messages, { role: "user", content: prompt }],
    model,
    settings,
    sessionId,
  });
}

/** With the turn, if anything was said: a prompt without an answer would stand twice when it is asked again. */
export function withTurn(conversation: Conversation, prompt: string, { text, reasoning }: AnswerOutcome): Conversation {
  if (text === "") return conversation;
  const answer: Message = {
    role: "assistant",
    content: text,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
  };
  return { ...conversation, messages: [...conversation.messages, { role: "user", content: prompt }, answer] };
}
