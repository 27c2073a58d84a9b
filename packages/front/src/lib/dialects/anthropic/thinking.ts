// Owns how wishes about thoughts in Anthropic's words become those that all dialects share. Its clients send them to any model, so what
// this one cannot follow changes nothing; the words that all dialects share are followed or refused.
import type { ChatFormat } from "@waggle/chat-format";
import type { ChatOptions, CountTokensRequest } from "@waggle/protocol";
import { hasEffortLevels, sharedThinking, thoughtsWanted } from "../../thinking.ts";
import type { ThinkingWishes } from "../../thinking.ts";

type Wishes = Pick<CountTokensRequest, "thinking" | "output_config" | "enable_thinking" | "chat_template_kwargs">;
type Thinking = ThinkingWishes & Pick<ChatOptions, "thinking_budget_tokens">;

/** Levels that models know; Anthropic's further ones are more than their most. */
const levels: ReadonlySet<string> = new Set(["low", "medium", "high"]);

export function thinkingOf(wishes: Wishes, format: ChatFormat): Thinking {
  const { thinking, output_config: output } = wishes;
  const { abilities } = format;
  const effort = output?.effort;
  return {
    ...(abilities.thinking === "switchable" ? { enable_thinking: isWanted(wishes) } : {}),
    ...(thinking?.type === "enabled" && abilities.thinking !== "never"
      ? { thinking_budget_tokens: thinking.budget_tokens }
      : {}),
    ...(hasEffortLevels(format) && effort != null ? { reasoning_effort: levels.has(effort) ? effort : "high" } : {}),
    ...sharedThinking(wishes),
  };
}

/** Whether its answer may begin with a thought. */
export function mayThink(wishes: Wishes, { abilities }: ChatFormat): boolean {
  return abilities.thinking === "always" || (abilities.thinking === "switchable" && isWanted(wishes));
}

function isWanted({ thinking, ...shared }: Wishes): boolean {
  return thinking == null ? (thoughtsWanted(shared) ?? false) : thinking.type !== "disabled";
}
