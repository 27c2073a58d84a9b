// Owns the order of entries in a batch. llama.cpp cuts a batch into pieces wherever slots are not in ascending order, and each piece is a pass.
import type { BatchItem, CustomBatchingPrioritizationStrategy, EvaluationPriority } from "node-llama-cpp";

/** Promises change the order in which entries reach the library's queue; their priority restores the order of the slots. */
export const inSlotOrder: CustomBatchingPrioritizationStrategy = ({ items }) =>
  items.toSorted(byPriority).map((item) => ({ item, processAmount: item.tokens.length }));

/** The library passes priorities through; only our strategy reads them. */
export function priorityOfSlot(slot: number): EvaluationPriority {
  return -slot as EvaluationPriority;
}

function byPriority(a: BatchItem, b: BatchItem): number {
  return b.evaluationPriority - a.evaluationPriority;
}
