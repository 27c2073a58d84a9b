// Owns the words in which the hive's page tells of workers, and how figures are written there.
import type { HiveWorker, LivenessState } from "@waggle/protocol";

export interface Look {
  readonly word: string;
  readonly badge: string;
  /** So that the colour is not all that tells. */
  readonly sign: string;
}

export const looks: Readonly<Record<LivenessState, Look>> = {
  alive: { word: "online", badge: "badge good", sign: "●" },
  stale: { word: "late", badge: "badge warn", sign: "◐" },
  gone: { word: "offline", badge: "badge bad", sign: "○" },
};

/** "3 s ago", "2 min ago". */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`;
}

/** @param hiveNow the hive's clock, milliseconds since 1970 */
export function lastSeen({ last_seen_at: at }: HiveWorker, hiveNow: number): string {
  return ago(hiveNow - Date.parse(at));
}

/** "–" for what is not known. */
export function figure(value: number | undefined, unit = ""): string {
  if (value === undefined) return "–";
  const digits = value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toLocaleString("en");
  return unit === "" ? digits : `${digits} ${unit}`;
}

export function percent(share: number | undefined): string {
  return share === undefined ? "–" : `${Math.round(100 * share)} %`;
}
