// Owns a conversation: its messages, and the settings of the next request. Plain data and pure functions.
import type { GenerateRequestInput } from "@waggle/protocol";
import { requestOf, type RequestSettings } from "../answer/request-settings.ts";
import type { AnswerOutcome } from "../answer/show-answer.ts";

type Message = NonNullable<GenerateRequestInput["messages"]>[number];

export interface Conversation {
  readonly system: string | undefined;
  readonly messages: readonly Message[];
  readonly settings: RequestSettings;
  /** The model's name in requests; undefined for the worker's default model. */
  readonly model: string | undefined;
  /** The worker's session: a new prompt supersedes a running one of the same session. */
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

/** Adds the turn only if the answer has text. Otherwise the conversation would contain the prompt twice when the user sends it again. */
export function withTurn(conversation: Conversation, prompt: string, { text, reasoning }: AnswerOutcome): Conversation {
  if (text === "") return conversation;
  const answer: Message = {
    role: "assistant",
    content: text,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
  };
  return { ...conversation, messages: [...conversation.messages, { role: "user", content: prompt }, answer] };
}
