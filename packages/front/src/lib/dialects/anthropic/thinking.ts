// Owns how wishes about thoughts in Anthropic's words become those that all dialects share. Its clients send them to any model, so what
// this one cannot follow changes nothing.
import type { ChatFormat } from "@waggle/chat-format";
import type { ChatOptions, CountTokensRequest } from "@waggle/protocol";
import { hasEffortLevels } from "../../thinking.ts";

type Wishes = Pick<CountTokensRequest, "thinking" | "output_config">;
type Thinking = Pick<ChatOptions, "enable_thinking" | "thinking_budget_tokens" | "reasoning_effort">;

/** Levels that models know; Anthropic's further ones are more than their most. */
const levels: ReadonlySet<string> = new Set(["low", "medium", "high"]);

export function thinkingOf({ thinking, output_config: output }: Wishes, format: ChatFormat): Thinking {
  const { abilities } = format;
  const effort = output?.effort;
  return {
    ...(abilities.thinking === "switchable" ? { enable_thinking: isWanted(thinking) } : {}),
    ...(thinking?.type === "enabled" && abilities.thinking !== "never"
      ? { thinking_budget_tokens: thinking.budget_tokens }
      : {}),
    ...(hasEffortLevels(format) && effort != null ? { reasoning_effort: levels.has(effort) ? effort : "high" } : {}),
  };
}

/** Whether its answer may begin with a thought. */
export function mayThink({ thinking }: Wishes, { abilities }: ChatFormat): boolean {
  return abilities.thinking === "always" || (abilities.thinking === "switchable" && isWanted(thinking));
}

function isWanted(thinking: Wishes["thinking"]): boolean {
  return thinking != null && thinking.type !== "disabled";
}
