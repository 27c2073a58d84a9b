// Reads the options that choose a part of the past: --since, --until, --job and --client. Times are those of this machine's clock.
import type { PastQuery } from "@waggle/client";
import { wrongUse } from "../cli-error.ts";
import type { Words } from "../command.ts";

const unitMs = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** @throws CliError for a time that cannot be read, or an end before its begin */
export function pastQueryOf(words: Words, nowMs: number = Date.now()): PastQuery {
  const from = words.text("since");
  const to = words.text("until");
  const since = from === undefined ? undefined : timeOf("since", from, nowMs, "last");
  // After a time of day, an earlier time of day is on the next day: --since 23:50 --until 00:10.
  const until =
    to === undefined ? undefined : timeOf("until", to, since ?? nowMs, since === undefined ? "last" : "next", nowMs);
  if (since !== undefined && until !== undefined && until <= since) {
    throw wrongUse(`Cannot use --until "${to}": it must be later than --since "${from}".`);
  }
  const iso = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  return { job: words.text("job"), client: words.text("client"), since: iso(since), until: iso(until) };
}

/** @param baseMs a time of day is the last one until then, or the next one after it */
function timeOf(option: string, text: string, baseMs: number, which: "last" | "next", nowMs: number = baseMs): number {
  const [, count, unit] = /^(\d{1,6}(?:\.\d{1,3})?)(s|m|min|h|d)$/.exec(text) ?? [];
  if (count !== undefined) return nowMs - Number(count) * unitMs[unit as keyof typeof unitMs];
  const [, hours, minutes, seconds = "0"] = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text) ?? [];
  if (hours !== undefined) {
    const at = new Date(baseMs);
    at.setHours(Number(hours), Number(minutes), Number(seconds), 0);
    if (which === "last" && at.getTime() > baseMs) at.setDate(at.getDate() - 1);
    if (which === "next" && at.getTime() <= baseMs) at.setDate(at.getDate() + 1);
    return at.getTime();
  }
  const [, day] = /^(\d{4}-\d\d-\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/.exec(text) ?? [];
  // Without a time, Date would read the day in UTC. It takes February 30 for March 2.
  const isDay = day !== undefined && String(new Date(`${day}T00:00Z`).toJSON()).startsWith(day);
  const ms = isDay ? Date.parse(text === day ? `${text}T00:00` : text.replace(" ", "T")) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw wrongUse(`Cannot use --${option} "${text}": write a time such as 10:00, 2026-01-31T10:00 or 2h (ago).`);
}
