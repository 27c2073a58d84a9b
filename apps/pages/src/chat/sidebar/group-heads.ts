// Owns the groups of conversations: pinned, today, yesterday, earlier; newest first in each group. Pure.
import type { Head } from "../conversation/conversation.ts";

export interface HeadGroup {
  readonly name: "Pinned" | "Today" | "Yesterday" | "Earlier";
  readonly heads: readonly Head[];
}

/** @param now milliseconds since 1970 */
export function groupHeads(heads: readonly Head[], now: number): readonly HeadGroup[] {
  const today = startOfDay(now, 0);
  const yesterday = startOfDay(now, 1);
  const groupOf = ({ pinned, updatedAt }: Head): HeadGroup["name"] => {
    if (pinned === true) return "Pinned";
    if (updatedAt >= today) return "Today";
    return updatedAt >= yesterday ? "Yesterday" : "Earlier";
  };
  const newest = heads.toSorted((a, b) => b.updatedAt - a.updatedAt);
  return (["Pinned", "Today", "Yesterday", "Earlier"] as const)
    .map((name) => ({ name, heads: newest.filter((head) => groupOf(head) === name) }))
    .filter((group) => group.heads.length > 0);
}

/** Computed from the local date, because not every local day has 24 hours. */
function startOfDay(now: number, daysBefore: number): number {
  const date = new Date(now);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() - daysBefore).getTime();
}
