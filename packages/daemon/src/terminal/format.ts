// Formats numbers for people: bytes, rates, times, dates. People read this machine's clock with its zone; programs read UTC.
import { formatByteRate, formatBytes, formatPercent } from "@waggle/protocol/format";

export { formatBytes, formatPercent };

/** A duration in its two largest units: 850 ms, 12 s, 3 min 20 s, 2 h 5 min, 4 d 3 h. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return pair(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** 2026-01-31 10:00:00 +01:00, in the zone of this machine. */
export function formatTime(at: string | number, precision: "s" | "ms" = "s"): string {
  const time = new Date(at);
  const two = (part: number): string => String(part).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  const ms = precision === "ms" ? `.${String(time.getMilliseconds()).padStart(3, "0")}` : "";
  return `${day} ${parts}${ms} ${formatZone(at)}`;
}

/** The zone at this time, as +01:00. */
export function formatZone(at: string | number): string {
  const minutes = -new Date(at).getTimezoneOffset();
  const two = (part: number): string => String(Math.floor(Math.abs(part))).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** Number of a model's parameters: 135 M, 1.2 B. */
export function formatCount(count: number): string {
  for (const [size, unit] of [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "K"],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(count >= 100 * size ? 0 : 1)} ${unit}`;
  }
  return String(count);
}

export interface Transfer {
  readonly doneBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  readonly etaMs?: number | undefined;
}

/** A transfer in progress: `72.1 MB of 394 MB  13.1 MB/s  25 s left`. Leaves out what is unknown. */
export function formatTransfer({ doneBytes, totalBytes, bytesPerSecond, etaMs }: Transfer): string {
  const words = [
    doneBytes === undefined
      ? ""
      : formatBytes(doneBytes) + (totalBytes === undefined ? "" : ` of ${formatBytes(totalBytes)}`),
    bytesPerSecond === undefined || bytesPerSecond === 0 ? "" : formatByteRate(bytesPerSecond),
    etaMs === undefined ? "" : `${formatDuration(Math.max(1_000, etaMs))} left`,
  ];
  return words.filter((word) => word !== "").join("  ");
}

/** A number with its noun: `1 token`, `2 tokens`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
