// Owns the texts for queue positions, waiting, thinking times and the figures of an answer.
import type { ModelStatus } from "@waggle/protocol";
import { arrivalWords } from "../models/model-words.ts";
import { formatCounted, formatDuration, formatMilliseconds, formatPercent, formatTokenRate } from "../parts/format.ts";
import type { Answer } from "./conversation/answer.ts";

const ordinals = new Intl.PluralRules("en", { type: "ordinal" });
const suffixes: Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> = { one: "st", two: "nd", few: "rd" };

/** For example "next in line", or "3rd in line, about 4 s". */
export function describeLine(position: number, etaMs?: number): string {
  const place = position === 1 ? "next in line" : `${position}${suffixes[ordinals.select(position)] ?? "th"} in line`;
  return etaMs === undefined ? place : `${place}, about ${formatDuration(etaMs, "up")}`;
}

/**
 * For example "Thought for 12 s", or "Thinking… 4 s".
 * @param ms undefined for an answer without a measured time
 */
export function thoughtWords(ms: number | undefined, thinking: boolean): string {
  if (ms === undefined) return thinking ? "Thinking…" : "Thoughts";
  const time = formatDuration(ms);
  if (thinking) return `Thinking… ${time}`;
  return ms < 1_000 ? "Thought for less than a second" : `Thought for ${time}`;
}

/** Tokens, tokens per second, and the time to the first token, as far as they are known. */
export function figureWords({ tokens, tokensPerSecond, ttftMs }: Answer): string[] {
  return [
    tokens > 0 ? formatCounted(tokens, "token") : undefined,
    tokensPerSecond === undefined ? undefined : formatTokenRate(tokensPerSecond),
    ttftMs === undefined ? undefined : `first token after ${formatMilliseconds(ttftMs)}`,
  ].filter((figure) => figure !== undefined);
}

/**
 * The state of an answer that waits; undefined while tokens arrive and after the end.
 * @param model the model that answers, at a worker with several models
 */
export function waitingWords(answer: Answer, model: ModelStatus | undefined): string | undefined {
  if (answer.parked === true) return "Parked: waiting for room…";
  switch (answer.phase) {
    case "sending":
      return "Sending…";
    case "waiting": {
      const line = describeLine(answer.position ?? 1, answer.etaMs);
      const wait = model === undefined ? undefined : arrivalWords(model);
      return wait === undefined ? `Waiting (${line})` : `${wait} (${line})`;
    }
    case "loading":
      return (model === undefined ? undefined : arrivalWords(model)) ?? "Loading the model…";
    case "thinking":
      return answer.promptShare === undefined
        ? "Thinking…"
        : `Reading the conversation (${formatPercent(answer.promptShare)})…`;
    default:
      return undefined;
  }
}
