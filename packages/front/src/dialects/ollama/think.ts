// Translates Ollama's `think`.
import type { ChatFormat } from "@waggle/chat-format/format";
import { WaggleError } from "@waggle/protocol";
import type { ChatOptions, OllamaThink } from "@waggle/protocol";

type ThinkingOptions = Pick<ChatOptions, "enable_thinking" | "reasoning_effort" | "thinking_budget_tokens">;

/**
 * Without `think`, thinking is on if the model can think. A level is passed to a model with levels; for other models a level means on.
 * @throws WaggleError invalid_argument, with Ollama's message, if `think` is set but the model cannot think
 */
export function thinkingOptions(
  think: OllamaThink | null | undefined,
  { abilities: { thinking, thinkingSwitch }, inputs }: Pick<ChatFormat, "abilities" | "inputs">,
  model: string,
): ThinkingOptions {
  if (thinking === "never") {
    if (think == null || think === false) return {};
    throw new WaggleError("invalid_argument", `"${model}" does not support thinking`);
  }
  if (think === false) {
    // For a model that always thinks, a budget of 0 closes the reasoning before it begins.
    return thinkingSwitch === undefined ? { thinking_budget_tokens: 0 } : { enable_thinking: false };
  }
  const on = thinkingSwitch === undefined ? {} : { enable_thinking: true };
  if (typeof think !== "string" || !inputs.variables.includes("reasoning_effort")) return on;
  return thinkingSwitch?.name === "reasoning_effort" ? { reasoning_effort: think } : { ...on, reasoning_effort: think };
}
