// Owns the names of a conversation's settings on the pages, by their fields in a request.
import { samplingFields, samplingNames, type SamplingName } from "@waggle/protocol/sampling";

const samplingLabels = Object.fromEntries(
  samplingNames.map((name) => [name, samplingFields[name].page.label]),
) as Readonly<Record<SamplingName, string>>;

export const settingLabels = {
  ...samplingLabels,
  max_tokens: "Max tokens",
  repetition_limit: "Repetition limit",
  priority: "Priority",
  deadline_ms: "Time limit",
  thinking_budget_tokens: "Max thinking tokens",
  stop: "Stop strings",
  json_schema: "JSON schema",
  tools: "Tools",
  enable_thinking: "Thinking",
  reasoning_effort: "Reasoning effort",
} as const;
