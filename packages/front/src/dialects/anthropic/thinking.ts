// Converts Anthropic's thinking fields to the thinking fields that all dialects share. Clients send Anthropic's fields to any model, so unsupported
// values are ignored; unsupported values of shared fields are rejected.
import type { ChatFormat } from "@waggle/chat-format/format";
import type { ChatOptions, CountTokensRequest } from "@waggle/protocol";
import { hasEffortLevels, sharedThinking, wantsThinking } from "../../conversation/thinking.ts";
import type { ThinkingFields } from "../../conversation/thinking.ts";

type ThinkingRequest = Pick<
  CountTokensRequest,
  "thinking" | "output_config" | "enable_thinking" | "chat_template_kwargs"
>;
type Thinking = ThinkingFields & Pick<ChatOptions, "thinking_budget_tokens">;

/** The effort levels of models. Anthropic's other levels are above high, and become high. */
const levels: ReadonlySet<string> = new Set(["low", "medium", "high"]);

export function thinkingOf(fields: ThinkingRequest, format: ChatFormat): Thinking {
  const { thinking, output_config: output } = fields;
  const { abilities } = format;
  const effort = output?.effort;
  return {
    ...(abilities.thinking === "switchable" ? { enable_thinking: isWanted(fields) } : {}),
    ...(thinking?.type === "enabled" && abilities.thinking !== "never"
      ? { thinking_budget_tokens: thinking.budget_tokens }
      : {}),
    ...(hasEffortLevels(format) && effort != null ? { reasoning_effort: levels.has(effort) ? effort : "high" } : {}),
    ...sharedThinking(fields),
  };
}

/** Whether the answer may begin with reasoning. */
export function mayThink(fields: ThinkingRequest, { abilities }: ChatFormat): boolean {
  return abilities.thinking === "always" || (abilities.thinking === "switchable" && isWanted(fields));
}

function isWanted({ thinking, ...shared }: ThinkingRequest): boolean {
  return thinking == null ? (wantsThinking(shared) ?? false) : thinking.type !== "disabled";
}
