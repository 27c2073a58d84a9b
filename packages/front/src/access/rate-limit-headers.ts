// Builds the headers that report the unused part of a client's quota, as in OpenAI's API
// (https://platform.openai.com/docs/guides/rate-limits, "Rate limits in headers").
import type { QuotaUse } from "@waggle/protocol";

export const rateLimitHeaderNames = ["limit", "remaining", "reset"].flatMap((fact) =>
  ["requests", "tokens"].map((what) => `x-ratelimit-${fact}-${what}`),
);

/** The token headers report the limit with fewer tokens left: the limit per minute or per day. */
export function rateLimitHeaders(use: QuotaUse | undefined): Readonly<Record<string, string>> {
  if (use === undefined) return {};
  const { requests_per_minute: requests, tokens_per_minute: minute, tokens_per_day: day } = use;
  const tokens = minute !== undefined && day !== undefined ? (day.left < minute.left ? day : minute) : (minute ?? day);
  return { ...headersOf("requests", requests), ...headersOf("tokens", tokens) };
}

function headersOf(what: string, part: QuotaUse["requests_per_minute"]): Readonly<Record<string, string>> {
  if (part === undefined) return {};
  return {
    [`x-ratelimit-limit-${what}`]: String(part.limit),
    [`x-ratelimit-remaining-${what}`]: String(part.left),
    [`x-ratelimit-reset-${what}`]: durationOf(part.full_in_ms),
  };
}

/** Formats a duration as 350ms, 12s, 1m30s or 23h50m0s. */
function durationOf(ms: number): string {
  if (ms < 1_000) return ms === 0 ? "0s" : `${ms}ms`;
  const seconds = Math.ceil(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${seconds % 60}s`;
}
