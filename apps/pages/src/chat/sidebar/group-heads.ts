// Owns the days of conversations: groups (pinned, today, yesterday, the previous 7 days, then months), newest first, and the day of one. Pure.
import type { Head } from "../conversation/conversation.ts";

export interface HeadGroup {
  readonly name: string;
  readonly heads: readonly Head[];
}

const month = new Intl.DateTimeFormat("en", { month: "long" });
const monthOfYear = new Intl.DateTimeFormat("en", { month: "long", year: "numeric" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

/** @param now milliseconds since 1970 */
export function groupHeads(heads: readonly Head[], now: number): readonly HeadGroup[] {
  const newest = heads.toSorted(
    (a, b) => Number(b.pinned ?? false) - Number(a.pinned ?? false) || b.updatedAt - a.updatedAt,
  );
  const groups = new Map<string, Head[]>();
  for (const head of newest) {
    const name = head.pinned === true ? "Pinned" : spanOf(head.updatedAt, now);
    groups.set(name, [...(groups.get(name) ?? []), head]);
  }
  return [...groups].map(([name, heads]) => ({ name, heads }));
}

/** For example "Yesterday", "Mon 24 Nov", or "24 Nov 2025" in another year. */
export function dayWords(at: number, now: number): string {
  return nearDay(at, now) ?? (isSameYear(at, now) ? day : dayOfYear).format(at).replace(",", "");
}

function spanOf(at: number, now: number): string {
  if (at >= startOfDay(now, 7)) return nearDay(at, now) ?? "Previous 7 days";
  return (isSameYear(at, now) ? month : monthOfYear).format(at);
}

function nearDay(at: number, now: number): string | undefined {
  if (at >= startOfDay(now, 0)) return "Today";
  return at >= startOfDay(now, 1) ? "Yesterday" : undefined;
}

function isSameYear(at: number, now: number): boolean {
  return new Date(at).getFullYear() === new Date(now).getFullYear();
}

/** Computed from the local date, because not every local day has 24 hours. */
function startOfDay(now: number, daysBefore: number): number {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() - daysBefore).getTime();
}
