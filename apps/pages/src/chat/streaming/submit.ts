// Owns submitting an answer's job, which is accepted, or refused with a reason. If the prompt is too long, tries again with fewer messages; if a tool is refused, without it.
import type { Api } from "../../wire/api.ts";
import { responseProblem, unreachable, type Problem } from "../../wire/problem.ts";
import type { Answer } from "../conversation/answer.ts";
import { charsIn, messagesFor, requestFor } from "../conversation/conversation.ts";
import type { Conversation, Fitted, Room } from "../conversation/conversation.ts";
import { attachmentIdOf } from "../conversation/message-content.ts";
import { dataUrlOf } from "../pictures/base64.ts";
import { withoutRefusedTools } from "../mcp/mcp-servers.ts";
import type { HeldPictures } from "../pictures/held-pictures.ts";
import { lostPicture } from "../pictures/sight.ts";

export type Submitted =
  | { readonly kind: "accepted"; readonly leftOut: number; readonly chars: number }
  | { readonly kind: "refused"; readonly problem: Problem };

const triesLimit = 3;

export interface SubmitOptions {
  readonly api: Api;
  readonly pictures: Pick<HeldPictures, "find">;
  readonly room: Room;
  /** Called with the ratio that the worker's refusal reports. */
  readonly learn: (room: Room) => void;
}

export async function submitJob(
  conversation: Conversation,
  answer: Answer,
  { api, pictures, room, learn }: SubmitOptions,
): Promise<Submitted> {
  let known = room;
  let { settings } = conversation;
  for (let tries = 1; ; tries++) {
    const { messages, leftOut } = messagesFor(conversation, answer.id, known);
    const chars = charsIn(messages);
    const whole = await withPictures(messages, async (id) => await pictures.find({ owner: conversation.id, id }));
    const problem = await post(
      api,
      JSON.stringify(requestFor({ ...conversation, settings }, answer, { ...known, messages: whole })),
    );
    // `conflict`: an earlier try was accepted, and only its response was lost.
    if (problem === undefined || problem.code === "conflict") return { kind: "accepted", leftOut, chars };
    const allowed = await withoutRefusedTools(api, settings, problem);
    settings = allowed ?? settings;
    if (allowed !== undefined) continue;
    const learnt = roomIn(problem, chars);
    if (learnt === undefined || messages.length <= 1 || tries >= triesLimit) return { kind: "refused", problem };
    known = { ...known, ...learnt };
    learn(known);
  }
}

type Messages = Fitted["messages"];

/** Puts the files of pictures into messages. */
async function withPictures(messages: Messages, find: (id: string) => Promise<Blob | undefined>): Promise<Messages> {
  return await Promise.all(
    messages.map(async (message) => {
      if (message.role !== "user" || typeof message.content === "string") return message;
      const content = message.content.map(async (part) => {
        if (part.type === "text") return part;
        const file = await find(attachmentIdOf(part.image_url.url)).catch(() => undefined);
        if (file === undefined) return { type: "text" as const, text: lostPicture };
        return { type: "image_url" as const, image_url: { url: await dataUrlOf(file) } };
      });
      return { ...message, content: await Promise.all(content) };
    }),
  );
}

/** The context size and the characters per token, computed from a refusal because of length. */
export function roomIn(problem: Problem, chars: number): Room | undefined {
  const { n_prompt_tokens: promptTokens, n_ctx: contextTokens } = problem.details ?? {};
  if (typeof promptTokens !== "number" || typeof contextTokens !== "number" || promptTokens === 0) return undefined;
  return { contextTokens, charsPerToken: chars / promptTokens };
}

async function post(api: Api, body: string): Promise<Problem | undefined> {
  try {
    const response = await api.request("/v1/jobs", { method: "POST", body });
    return response.ok ? undefined : await responseProblem(response);
  } catch {
    return unreachable;
  }
}
