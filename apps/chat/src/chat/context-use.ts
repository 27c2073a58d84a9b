// Owns how much of the model's context a conversation has used, and what a person is told of it. Pure.
import type { Answer } from "./answer.ts";

export interface ContextUse {
  /** Tokens of the last prompt and of the answer to it. */
  readonly used: number;
  readonly total: number;
  /** 0 to 1. */
  readonly share: number;
  /** What happens, once it is nearly full. */
  readonly warning?: string;
}

const warnShare = 0.8;

type Counted = Pick<Answer, "role" | "promptTokens" | "tokens">;

/**
 * @param turns the branch that is shown, oldest first
 * @returns undefined while nothing has been counted
 */
export function contextUse(
  turns: readonly (Counted | { readonly role: "user" })[],
  contextTokens: number | undefined,
): ContextUse | undefined {
  const last = turns.findLast((turn): turn is Counted => turn.role === "assistant" && countOf(turn) !== undefined);
  const used = last === undefined ? undefined : countOf(last);
  if (used === undefined || contextTokens === undefined) return undefined;
  const share = Math.min(1, used / contextTokens);
  return { used, total: contextTokens, share, ...(share < warnShare ? {} : { warning: warningAt(share) }) };
}

function countOf({ promptTokens, tokens }: Counted): number | undefined {
  return promptTokens === undefined ? undefined : promptTokens + tokens;
}

function warningAt(share: number): string {
  const state = share >= 1 ? "The context is full." : "The context is nearly full.";
  return `${state} An answer that reaches its end is cut off, and the oldest messages are left out of the next request; this page keeps them. A new conversation begins with an empty one.`;
}
