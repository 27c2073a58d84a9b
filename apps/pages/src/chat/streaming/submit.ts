// Owns submitting an answer's job, which is accepted, or refused with a reason. If the prompt is too long, tries again with fewer messages.
import type { Api } from "../../wire/api.ts";
import { problemOf, unreachable } from "../../wire/problem.ts";
import type { Problem } from "../../wire/problem.ts";
import type { Answer } from "../conversation/answer.ts";
import { charsIn, messagesFor, requestFor } from "../conversation/conversation.ts";
import type { Conversation, Room } from "../conversation/conversation.ts";

export type Submitted =
  | { readonly kind: "accepted"; readonly leftOut: number; readonly chars: number }
  | { readonly kind: "refused"; readonly problem: Problem };

const triesLimit = 3;

/** @param learn called with the ratio that the worker's refusal reports */
export async function submitJob(
  api: Api,
  conversation: Conversation,
  answer: Answer,
  room: Room,
  learn: (room: Room) => void,
): Promise<Submitted> {
  let known = room;
  for (let tries = 1; ; tries++) {
    const { messages, leftOut } = messagesFor(conversation, answer.id, known);
    const chars = charsIn(messages);
    const problem = await post(api, JSON.stringify(requestFor(conversation, answer, { ...known, messages })));
    // `conflict`: an earlier try was accepted, and only its response was lost.
    if (problem === undefined || problem.code === "conflict") return { kind: "accepted", leftOut, chars };
    const learnt = roomIn(problem, chars);
    if (learnt === undefined || messages.length <= 1 || tries === triesLimit) return { kind: "refused", problem };
    known = { ...known, ...learnt };
    learn(known);
  }
}

/** The context size and the characters per token, computed from a refusal because of length. */
export function roomIn(problem: Problem, chars: number): Room | undefined {
  const { n_prompt_tokens: promptTokens, n_ctx: contextTokens } = problem.details ?? {};
  if (typeof promptTokens !== "number" || typeof contextTokens !== "number" || promptTokens === 0) return undefined;
  return { contextTokens, charsPerToken: chars / promptTokens };
}

async function post(api: Api, body: string): Promise<Problem | undefined> {
  try {
    const response = await api.request("/v1/jobs", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    return response.ok ? undefined : await problemOf(response);
  } catch {
    return unreachable;
  }
}
