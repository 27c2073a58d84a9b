// Owns how much of the model's context a conversation uses, and the warning before it is full. Pure.
import type { Answer } from "./answer.ts";

export interface ContextUse {
  /** Tokens of the last prompt and of the answer to it. */
  readonly used: number;
  readonly total: number;
  /** 0 to 1. */
  readonly share: number;
  /** Text that explains the consequences, once the context is nearly full. */
  readonly warning?: string;
}

const warnShare = 0.8;

type Counted = Pick<Answer, "role" | "phase" | "promptTokens" | "tokens" | "continuedAfter">;

/**
 * @param messages the branch that is shown, oldest first
 * @returns undefined before the first count
 */
export function contextUse(
  messages: readonly (Counted | { readonly role: "user" })[],
  contextTokens: number | undefined,
): ContextUse | undefined {
  const last = messages.findLast(
    (message): message is Counted => message.role === "assistant" && countOf(message) !== undefined,
  );
  const used = last === undefined ? undefined : countOf(last);
  if (used === undefined || contextTokens === undefined) return undefined;
  const share = Math.min(1, used / contextTokens);
  return { used, total: contextTokens, share, ...(share < warnShare ? {} : { warning: warningAt(share) }) };
}

/** In a continued answer, `promptTokens` includes the answer's earlier tokens once the worker has read the prompt. */
function countOf({ phase, promptTokens, tokens, continuedAfter = 0 }: Counted): number | undefined {
  if (promptTokens === undefined) return undefined;
  const isOld = phase === "sending" || phase === "waiting" || phase === "loading";
  return promptTokens + tokens - (isOld ? 0 : continuedAfter);
}

function warningAt(share: number): string {
  const state = share >= 1 ? "The context is full." : "The context is nearly full.";
  return `${state} An answer that reaches the end of the context is cut off, and the next request leaves out the oldest messages; this page keeps them. A new conversation begins with an empty context.`;
}
