// Owns the formats of numbers on all pages: bytes, rates, counts, shares, times. Pure.
export { formatByteRate, formatBytes, formatPercent } from "@waggle/protocol/format";

const unknown = "–";

/** For example 1,235. */
export function formatCount(count: number): string {
  return count.toLocaleString("en");
}

/** A count with its noun: 1 token, 1,235 tokens. @param noun whose plural ends in s */
export function formatCounted(count: number, noun: string): string {
  return `${formatCount(count)} ${count === 1 ? noun : `${noun}s`}`;
}

/** For example "chat · tools · 2.5 GB", without what is unknown. */
export function joinFacts(...facts: readonly (string | undefined)[]): string {
  return facts.filter((fact) => fact !== undefined).join(" · ");
}

/** For example 3.5 tokens/s. */
export function formatTokenRate(tokensPerSecond: number): string {
  return `${formatFigure(tokensPerSecond)} tokens/s`;
}

/** A large count in words: "7.2 billion" for 7,241,732,096. */
export function formatLargeCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} billion`;
  return count >= 1e6 ? `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)} million` : formatCount(count);
}

/** A whole number, with one digit after the point below 10: 3.5, 85, 1,235; "–" for an unknown value. */
export function formatFigure(value: number | undefined): string {
  if (value === undefined) return unknown;
  return value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : formatCount(Math.round(value));
}

/** A share of a whole, rounded; "–" for an unknown share. @param share 0 to 1 */
export function formatShare(share: number | undefined): string {
  if (share === undefined) return unknown;
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`;
}

/** For example 2.3 ms, 85 ms, or 1.5 s; "–" for an unknown time. */
export function formatMilliseconds(ms: number | undefined): string {
  if (ms === undefined) return unknown;
  return ms < 999.5 ? `${formatFigure(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/**
 * A duration in one unit: 40 s, 5 min, 3 h, 4 days.
 * @param rounding `up` for time left, so that 0 s appears only at the end
 */
export function formatDuration(ms: number, rounding: "down" | "up" = "down"): string {
  const round = rounding === "up" ? Math.ceil : Math.floor;
  const seconds = Math.max(0, round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${round(hours / 24)} days`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const longDate = new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "short" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** For example 14:03:12. @param at milliseconds since 1970 */
export function formatClock(at: number): string {
  return clock.format(at);
}

/** For example 14:03. @param at milliseconds since 1970 */
export function formatMinute(at: number): string {
  return minute.format(at);
}

/** For example 14:03:12, with the date if it is another day. @param at milliseconds since 1970 */
export function formatTime(at: number, now: number = Date.now()): string {
  const [then, today] = [new Date(at), new Date(now)];
  const time = formatClock(at);
  return then.toDateString() === today.toDateString() ? time : `${day.format(then)}, ${time}`;
}

/** For example May 8, 2026 at 3:00 PM. @param at milliseconds since 1970 */
export function formatLongDate(at: number): string {
  return longDate.format(at);
}
