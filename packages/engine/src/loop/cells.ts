// Counts the cells of the context pool, one for each token that a slot holds: how many are used, how many a job soon needs, and which job is parked when
// the pool is full. Pure.
import { contextCapacity } from "./context-shift.ts";
import { isPrefilling } from "./schedule.ts";
import { preparedOf, sequenceOf, type Slot } from "./slots.ts";

/** Cells for the next tokens of each job, so that a new job does not soon have another job parked. The rest of an answer is not reserved. */
export const defaultHeadroomCells = 256;

/** A job that was parked is spared for this time after it continues, while another job could be parked. */
const parkPauseMs = 30_000;

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

/** @throws Error when the slot is idle, which is a defect of the caller */
export function needOf(slot: Slot): CellNeed {
  const { tokensLeft } = sequenceOf(slot);
  return { tokens: slot.state === "decoding" ? slot.held.entries.length : slot.prompt.length, tokensLeft };
}

/** Whether the slot has a job that takes part in passes, now or soon. */
export function isRunning({ state }: Pick<Slot, "state">): boolean {
  return state === "prefilling" || state === "decoding";
}

/** Returns the most tokens that the next pass feeds. */
export function stepCells(slots: readonly Slot[], batchSize: number): number {
  let decoding = 0;
  let prompts = 0;
  for (const slot of slots) {
    if (slot.state === "decoding") decoding += 1;
    else if (isPrefilling(slot)) prompts += slot.prompt.length - slot.held.entries.length;
  }
  return decoding + Math.min(prompts, batchSize);
}

/** Returns the slot whose job is parked next: of the jobs with the lowest priority, the one that started last. The only running job is never parked. */
export function slotToPark(slots: readonly Slot[], nowMs: number): Slot | undefined {
  const running = slots.filter((slot) => isRunning(slot) && slot.pending === undefined);
  if (running.length < 2) return undefined;
  const rested = running.filter(({ parkedAtMs = -Infinity }) => nowMs - parkedAtMs >= parkPauseMs);
  const priorityOf = (slot: Slot): number => preparedOf(slot).job.priority;
  const [first] = (rested.length > 0 ? rested : running).toSorted(
    (a, b) => priorityOf(a) - priorityOf(b) || b.startOrder - a.startOrder,
  );
  return first;
}
