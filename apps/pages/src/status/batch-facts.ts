// Describes the running batches in one row of the summary. Pure.
import type { Batch } from "@waggle/protocol";
import type { Fact } from "../parts/facts.tsx";
import { formatCount, formatCounted, formatDuration, formatFigure, joinFacts } from "../parts/format.ts";

const ended: readonly Batch["status"][] = ["completed", "failed", "expired", "cancelled"];

/** Empty without a running batch. @param now milliseconds since 1970 */
export function batchFacts(batches: readonly Batch[], now: number): readonly Fact[] {
  const running = batches.filter(({ status }) => !ended.includes(status));
  const computed = running.filter(({ paused }) => !paused);
  const sum = (pick: (batch: Batch) => number): number => running.reduce((total, batch) => total + pick(batch), 0);
  const done = sum(({ request_counts: { completed, failed } }) => completed + failed);
  const total = sum(({ request_counts }) => request_counts.total);
  const rate = sum(({ paused, lines_per_second }) => (paused ? 0 : (lines_per_second ?? 0)));
  const end = Math.max(0, ...computed.map(({ estimated_completed_at: at }) => at ?? 0));
  const paused = running.length - computed.length;
  const why = running.find(({ reason }) => reason != null)?.reason ?? undefined;
  const words = joinFacts(
    `${formatCount(done)} of ${formatCounted(total, "line")}`,
    rate > 0 ? `${formatFigure(rate)} lines/s` : undefined,
    end > 0 ? `${formatDuration(end * 1_000 - now, "up")} left` : undefined,
    paused === 0 ? undefined : computed.length === 0 ? "paused" : `${paused} paused`,
    why,
  );
  return running.length === 0 ? [] : [[running.length === 1 ? "Batch" : `${running.length} batches`, words]];
}
