// Owns the names of a conversation's settings on the pages, by their fields in a request. Parameters that are typed as JSON keep the request's name.
import { samplingFields, samplingNames, type SamplingField, type SamplingName } from "@waggle/protocol/sampling";

const samplingLabels = Object.fromEntries(
  samplingNames.map((name) => [name, (samplingFields[name] as SamplingField).page?.label ?? name]),
) as Readonly<Record<SamplingName, string>>;

export const settingLabels = {
  ...samplingLabels,
  max_tokens: "Max tokens",
  repetition_limit: "repetition_limit",
  priority: "priority",
  deadline_ms: "deadline_ms",
  thinking_budget_tokens: "Max thinking tokens",
  stop: "Stop strings",
  json_schema: "JSON schema",
  tools: "Tools",
  enable_thinking: "Thinking",
  reasoning_effort: "Reasoning effort",
} as const;
