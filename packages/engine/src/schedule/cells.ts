// Counts the cells of the context pool, one for each token in a slot: used ones, those soon needed, and which job is preempted. Pure.
import { contextCapacity } from "../port/info.ts";
import { servedIn } from "./lane-runs.ts";
import { isDecoding, missingOf, type Run, type Slot } from "./slots.ts";

/** Cells for the next tokens of each job, so that a new job does not soon have another job preempted. The rest of an answer is not reserved. */
export const defaultHeadroomCells = 256;

/** A job that was preempted is spared for this time after it returns, while another job could be preempted. */
const sparedMs = 30_000;

/** How many tokens a job will feed before it samples, or holds already, and how many it may still sample. */
export interface CellNeed {
  readonly tokens: number;
  readonly tokensLeft: number;
}

export function usedCells(slots: readonly Pick<Slot, "held">[]): number {
  let cells = 0;
  for (const { held } of slots) cells += held.entries.length;
  return cells;
}

/** Returns the number of cells that a job soon needs, with those that it holds. */
export function soonCells({ tokens, tokensLeft }: CellNeed, contextSize: number, headroomCells: number): number {
  return Math.min(contextCapacity(contextSize), tokens + Math.min(headroomCells, tokensLeft));
}

export function needOf(run: Run): CellNeed {
  const { slot, sequence, target } = run;
  if (run.kind === "decision") return { tokens: run.prepared.longest, tokensLeft: 0 };
  return { tokens: isDecoding(run) ? slot.held.entries.length : target.length, tokensLeft: sequence.tokensLeft };
}

/** Returns the most tokens that the next pass feeds. Lane jobs next to others feed only what the pool has room for. */
export function stepCells(slots: readonly Slot[], batchSize: number): number {
  const prompts = servedIn(slots, "prefilling").reduce((sum, run) => sum + missingOf(run), 0);
  return servedIn(slots, "decoding").length + Math.min(prompts, batchSize);
}

/** Returns the job that is preempted next: of the jobs with the lowest priority, the one that started last. The only running job is never preempted. */
export function runToPreempt(slots: readonly Slot[], nowMs: number): Run | undefined {
  const running = servedIn(slots, "prefilling", "decoding");
  if (running.length < 2) return undefined;
  const rested = running.filter(({ preemptedAtMs = -Infinity }) => nowMs - preemptedAtMs >= sparedMs);
  const [first] = (rested.length > 0 ? rested : running).toSorted(
    (a, b) => a.prepared.job.priority - b.prepared.job.priority || b.startOrder - a.startOrder,
  );
  return first;
}
