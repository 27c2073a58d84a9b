// Reads the usage of an answer, as each route writes it.
import type { BatchUsage } from "@waggle/jobs";

export const noUsage: BatchUsage = { inputTokens: 0, cachedTokens: 0, outputTokens: 0, reasoningTokens: 0 };

/** @param answer of OpenAI's routes or of Anthropic's, which counts cached tokens apart */
export function usageIn(answer: unknown): BatchUsage {
  const usage = objectOf(objectOf(answer)["usage"]);
  const apart = countOf(usage, "cache_read_input_tokens");
  return {
    inputTokens: countOf(usage, "prompt_tokens", "input_tokens") + apart,
    cachedTokens: apart + detailOf(usage, "cached_tokens", "prompt_tokens_details", "input_tokens_details"),
    outputTokens: countOf(usage, "completion_tokens", "output_tokens"),
    reasoningTokens: detailOf(usage, "reasoning_tokens", "completion_tokens_details", "output_tokens_details"),
  };
}

function detailOf(usage: Fields, name: string, ...places: readonly string[]): number {
  return places.map((place) => countOf(objectOf(usage[place]), name)).reduce((sum, count) => sum + count, 0);
}

function countOf(usage: Fields, ...names: readonly string[]): number {
  return names.map((name) => usage[name]).find((count) => typeof count === "number") ?? 0;
}

type Fields = Readonly<Record<string, unknown>>;

/** Empty unless the value is an object. */
export function objectOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
