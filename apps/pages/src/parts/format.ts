// Owns numbers as people read them on every page: bytes, rates, shares, times. Pure.

/** Text of an unknown value. */
const unknown = "–";
const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** Steps of 1,000, as hubs and disks count; three digits: 1.2 GB, 45.6 MB, 789 B. */
export function formatBytes(bytes: number): string {
  // A value that would be rounded up to 1,000 has the next unit.
  const power = bytes < 999.5 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes * 1.0005) / 3));
  const value = bytes / 1_000 ** power;
  return `${power === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? ""}`;
}

export function formatByteRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** Three digits at most, one behind the point: 3.5, 85, 1,235. */
export function formatRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond));
}

/** 1,235. */
export function formatCount(count: number): string {
  return count.toLocaleString("en");
}

/** Like `formatCount`, with one digit behind the point below 10; "–" for an unknown value. */
export function formatFigure(value: number | undefined, unit = ""): string {
  if (value === undefined) return unknown;
  const digits = value < 10 && !Number.isInteger(value) ? value.toFixed(1) : formatCount(Math.round(value));
  return unit === "" ? digits : `${digits} ${unit}`;
}

/** Progress, rounded down: 100 % only at the end. @param share 0 to 1 */
export function formatPercent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}

/** A share of a whole, rounded; "–" for an unknown one. @param share 0 to 1 */
export function formatShare(share: number | undefined): string {
  if (share === undefined) return unknown;
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`;
}

/** 85 ms, 1.5 s. */
export function formatMilliseconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/**
 * One unit: 40 s, 5 min, 3 h, 4 days.
 * @param rounding `up` for time left, so that nothing is over before it reads 0 s
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
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** 14:03:12. @param at milliseconds since 1970 */
export function formatClock(at: number): string {
  return clock.format(at);
}

/** 14:03. @param at milliseconds since 1970 */
export function formatMinute(at: number): string {
  return minute.format(at);
}

/** 14:03:12, with the date of another day. @param at milliseconds since 1970 */
export function formatTime(at: number, now: number = Date.now()): string {
  const [then, today] = [new Date(at), new Date(now)];
  const time = formatClock(at);
  return then.toDateString() === today.toDateString() ? time : `${day.format(then)}, ${time}`;
}
