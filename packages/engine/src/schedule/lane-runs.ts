// Divides the jobs in slots between the lane, which takes only what other jobs leave and gives it back, and the foreground, which is every other job.
import { isLane } from "@waggle/protocol";
import { runsIn, type Run, type Slot } from "./slots.ts";

export function isLaneRun({ prepared }: Pick<Run, "prepared">): boolean {
  return isLane(prepared.job);
}

/** Whether a foreground job has a slot. */
export function hasForeground(slots: readonly Slot[]): boolean {
  return runsIn(slots, "beginning", "prefilling", "decoding", "preempted").some((run) => !isLaneRun(run));
}

/** Returns the jobs of the slots in these states. While a foreground job has a slot, lane jobs are left out. */
export function servedIn(...of: Parameters<typeof runsIn>): Run[] {
  const runs = runsIn(...of);
  return hasForeground(of[0]) ? runs.filter((run) => !isLaneRun(run)) : runs;
}
