// Owns the hive page's words for a worker's liveness and its last heartbeat.
import type { HiveWorker, LivenessState } from "@waggle/protocol";
import { formatDuration } from "../parts/format.ts";

export interface LivenessBadge {
  readonly word: string;
  readonly badge: string;
  /** Has the same meaning as the colour, for visitors who cannot distinguish colours. */
  readonly sign: string;
}

export const livenessBadges: Readonly<Record<LivenessState, LivenessBadge>> = {
  alive: { word: "online", badge: "badge good", sign: "●" },
  stale: { word: "late", badge: "badge warn", sign: "◐" },
  gone: { word: "offline", badge: "badge bad", sign: "○" },
};

/** For example "3 s ago", or "2 min ago". */
export function ago(ms: number): string {
  return `${formatDuration(ms)} ago`;
}

/** @param hiveNow the hive's clock, milliseconds since 1970 */
export function lastSeen({ last_seen_at: at }: HiveWorker, hiveNow: number): string {
  return ago(hiveNow - Date.parse(at));
}
