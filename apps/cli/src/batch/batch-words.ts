// Describes batches: their progress, their rows in the list, and their ends.
import { isEnded } from "@waggle/client";
import { formatDuration, formatPercent, formatTime } from "@waggle/daemon/terminal";
import type { Batch } from "@waggle/protocol";
import type { StageProgress } from "../terminal/progress.ts";

const number = (count: number): string => count.toLocaleString("en");

/** Such as `45 %  450 of 1,000 lines  12.3 lines/s  45 s left  3 failed`. @param now milliseconds since 1970 */
export function batchProgress(batch: Batch, now: number): StageProgress {
  const { status, paused, reason, request_counts: counts } = batch;
  if (status !== "in_progress") return { stage: status, words: reason == null ? status : `${status}  ${reason}` };
  const done = doneOf(batch);
  const share = counts.total === 0 ? 0 : done / counts.total;
  const words = [
    formatPercent(share).padStart(5),
    `${number(done)} of ${number(counts.total)} lines`,
    ...(paused ? ["paused"] : reason != null ? [reason] : [rateOf(batch, " lines/s"), leftOf(batch, now, " left")]),
    counts.failed === 0 ? "" : `${number(counts.failed)} failed`,
  ];
  return { stage: paused ? "paused" : status, share, words: words.filter((word) => word !== "").join("  ") };
}

export function batchCells(batch: Batch, now: number): readonly string[] {
  const { id, created_at, status, paused, reason, request_counts: counts } = batch;
  const shown = paused && !isEnded(batch) ? "paused" : reason != null ? "waiting" : status.replace("_", " ");
  const isRunning = status === "in_progress" && !paused && reason == null;
  return [
    ...[id, formatTime(created_at * 1_000), shown],
    ...[counts.total, doneOf(batch), counts.failed].map(number),
    ...(isRunning ? [rateOf(batch), leftOf(batch, now)] : ["", ""]),
  ];
}

export function changedWords({ id, status }: Batch, change: "cancel" | "pause" | "resume"): string {
  if (change === "pause") return `${id} is paused. "waggle batch resume ${id}" continues it.\n`;
  if (change === "resume") return `${id} continues.\n`;
  return `${id} ${status === "cancelled" ? "is" : "is being"} cancelled. The answers so far are kept.\n`;
}

/** The mistakes that failed a batch. @param path of the file with the requests */
export function mistakeWords({ errors }: Batch, path: string): string {
  const mistakes = errors?.data ?? [];
  return mistakes.map(({ line, message }) => `${line === null ? path : `Request ${line}`}: ${message}\n`).join("");
}

function doneOf({ request_counts: { completed, failed } }: Batch): number {
  return completed + failed;
}

function rateOf({ lines_per_second: rate }: Batch, unit = ""): string {
  return rate === null ? "" : rate.toFixed(rate < 10 ? 1 : 0) + unit;
}

function leftOf({ estimated_completed_at: end }: Batch, now: number, unit = ""): string {
  return end === null ? "" : formatDuration(Math.max(1_000, end * 1_000 - now)) + unit;
}
