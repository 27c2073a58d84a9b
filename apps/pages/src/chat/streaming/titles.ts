// Owns titles that the model writes, at a worker that is set to: one short job after a conversation's first answer. If it fails, the conversation
// keeps its first message as title.
import type { GenerateRequestInput, StreamEvent, WorkerInfo } from "@waggle/protocol";
import type { Api } from "../../wire/api.ts";
import { readFrames } from "@waggle/client/following";
import type { Answer } from "../conversation/answer.ts";
import { shownMessages, titleFor, type Conversation } from "../conversation/conversation.ts";
import { factsOf } from "../model/model-facts.ts";
import type { ModelChoice } from "../model/model-choice.ts";
import type { WorkerAbout } from "../model/worker-about.ts";
import { settingsInRequest } from "../settings/settings.ts";
import type { Conversations } from "../storage/conversations.ts";

/** Called when an answer has ended. Asks for a title if this was the conversation's first answer. */
export type Titles = (conversationId: string, answer: Answer) => Promise<void>;

export interface TitlesOptions {
  readonly api: Api;
  readonly conversations: Pick<Conversations, "get" | "add" | "sentElsewhere">;
  readonly about: WorkerAbout;
  readonly choice: ModelChoice;
}

/** Enough for a title of six words. A longer answer is not a title. */
const titleTokens = 32;
const titleChars = 80;
/** Of the message and of the answer; the rest is not needed for a title, and takes time to read. */
const excerptChars = 800;
/** Other jobs run first. */
const priority = -10;

export function createTitles({ api, conversations, about, choice }: TitlesOptions): Titles {
  async function ask(body: GenerateRequestInput): Promise<string | undefined> {
    const connection = new AbortController();
    try {
      const response = await api.request("/v1/inference", {
        method: "POST",
        headers: { accept: "text/event-stream" },
        body: JSON.stringify(body),
        signal: connection.signal,
      });
      if (!response.ok) return undefined;
      let text = "";
      for await (const frame of readFrames(response, connection)) {
        const event = frame as StreamEvent;
        if (event.type === "token" && (event.part ?? "content") === "content") text += event.text;
        if (event.type === "end") return event.finish_reason === "stop" ? titleIn(text) : undefined;
      }
    } catch {
      // The first message stays as title.
    } finally {
      connection.abort();
    }
    return undefined;
  }

  return async (conversationId, answer) => {
    const info = about.info.peek();
    const before = conversations.get(conversationId);
    if (info?.chat_titles !== true || before === undefined || conversations.sentElsewhere(answer.jobId)) return;
    if (answer.phase !== "done" || !hasFirstTitle(before, answer)) return;
    const title = await ask(titleRequest(before, answer, info, choice));
    const now = conversations.get(conversationId);
    if (title === undefined || now === undefined || now.named === true || now.title !== before.title) return;
    conversations.add(conversationId, [], { title });
  };
}

/** Whether the conversation consists of one message and this answer, and still has the message as title. */
function hasFirstTitle(conversation: Conversation, answer: Answer): boolean {
  const [message, first, ...more] = shownMessages(conversation);
  if (message?.role !== "user" || first?.id !== answer.id || more.length > 0 || answer.text.trim() === "") return false;
  return conversation.named !== true && conversation.title === titleFor(message);
}

function titleRequest(
  conversation: Conversation,
  { model, text }: Answer,
  info: WorkerInfo,
  choice: ModelChoice,
): GenerateRequestInput {
  const [message] = shownMessages(conversation);
  const asked = message?.role === "user" ? message.text : "";
  const content = [
    "Write a title of at most six words for the conversation below, in its language. Write only the title.",
    `Question:\n${asked.slice(0, excerptChars)}`,
    `Answer:\n${text.slice(0, excerptChars)}`,
  ].join("\n\n");
  const chat = factsOf(info, choice.find(model))?.chat;
  const withoutThinking = { system: "", sampling: { thinking_budget_tokens: 0 }, reasoning: { enabled: false } };
  return {
    // The worker refuses a switch that the model lacks.
    ...(chat === undefined ? {} : settingsInRequest(withoutThinking, chat)),
    messages: [{ role: "user", content }],
    ...(model === undefined ? {} : { model }),
    max_tokens: titleTokens,
    temperature: 0.2,
    priority,
  };
}

/** The title in an answer: its first line without marks around it. Undefined for an answer that is not a title. */
export function titleIn(text: string): string | undefined {
  const [line = ""] = text.trim().split("\n");
  const title = line
    .replace(/^(?:[#*\s]+|title:\s*)+/i, "")
    .replaceAll(/^["'“”„«»*_`]+|["'“”«»*_`.]+$/g, "")
    .trim();
  return title === "" || title.length > titleChars ? undefined : title;
}
