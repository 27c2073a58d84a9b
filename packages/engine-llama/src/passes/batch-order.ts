// Sorts the entries of a batch by slot. llama.cpp cuts a batch where slots are not in ascending order, and computes each piece as a separate pass.
import type { BatchItem, CustomBatchingPrioritizationStrategy, EvaluationPriority } from "node-llama-cpp";

/** Restores the order of the slots, because promises change the order of entries in the library's queue. */
export const inSlotOrder: CustomBatchingPrioritizationStrategy = ({ items }) =>
  items.toSorted(byPriority).map((item) => ({ item, processAmount: item.tokens.length }));

/** Only `inSlotOrder` reads this priority. The library passes it through. */
export function priorityOfSlot(slot: number): EvaluationPriority {
  return -slot as EvaluationPriority;
}

function byPriority(a: BatchItem, b: BatchItem): number {
  return b.evaluationPriority - a.evaluationPriority;
}
