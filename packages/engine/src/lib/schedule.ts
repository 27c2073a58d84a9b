// Owns what one step carries: who decodes, and how the prefilling slots share the step's token budget. Pure; it
// starts nothing.
import type { StepRow, Token } from "./backend.ts";
import type { SlotState } from "./slots.ts";

export interface ScheduleLimits {
  /** Most tokens in one step, over all rows; at least the number of slots. */
  readonly batchSize: number;
  /** Most prompt tokens in a step in which somebody decodes: what a running stream waits for a newcomer. */
  readonly prefillBudget: number;
  /** Most prompt tokens in a step in which nobody decodes: what a cancel waits. */
  readonly prefillBudgetIdle: number;
}

export interface SchedulableSlot {
  readonly id: number;
  readonly state: SlotState;
  readonly prompt: readonly Token[];
  readonly cached: readonly Token[];
}

/**
 * The rows of the next step, in ascending slot order; none when there is nothing to compute.
 *
 * Every decoding slot takes part. The prompt budget is shared evenly between prefilling slots, and what a short
 * prompt leaves goes to the others. `turn` (a step counter) says with whom the sharing begins, so that tokens which
 * do not divide go round.
 */
export function schedule(slots: readonly SchedulableSlot[], limits: ScheduleLimits, turn: number): StepRow[] {
  const decoding = slots.filter((slot) => slot.state === "decoding").length;
  const prefilling = slots.filter((slot) => slot.state === "prefilling");
  const budget = Math.min(
    decoding === 0 ? limits.prefillBudgetIdle : limits.prefillBudget,
    limits.batchSize - decoding,
  );
  const shares = shareBudget(
    budget,
    prefilling.map((slot) => slot.prompt.length - slot.cached.length),
    turn,
  );
  const shareOf = new Map(prefilling.map((slot, i) => [slot.id, shares[i] ?? 0]));

  const rows: StepRow[] = [];
  for (const slot of slots) {
    const share = shareOf.get(slot.id) ?? 0;
    if (slot.state === "decoding") rows.push({ kind: "decode", slot: slot.id });
    else if (share > 0) rows.push(prefillRow(slot, share));
  }
  return rows;
}

function prefillRow(slot: SchedulableSlot, count: number): StepRow {
  const from = slot.cached.length;
  const tokens = slot.prompt.slice(from, from + count);
  return { kind: "prefill", slot: slot.id, tokens, sample: from + tokens.length === slot.prompt.length };
}

/**
 * Shares `budget` between these wants so that nobody gets more than they want, and nobody who wants more gets less
 * than another, give or take one. That one goes round with `turn`.
 */
export function shareBudget(budget: number, wants: readonly number[], turn: number): number[] {
  const shares = wants.map(() => 0);
  const open = (i: number): boolean => (shares[i] ?? 0) < (wants[i] ?? 0);
  let left = budget;
  let hungry = wants.map((_, i) => (i + turn) % wants.length).filter(open);
  while (left > 0 && hungry.length > 0) {
    const each = Math.max(1, Math.floor(left / hungry.length));
    for (const i of hungry) {
      const more = Math.min(each, (wants[i] ?? 0) - (shares[i] ?? 0), left);
      shares[i] = (shares[i] ?? 0) + more;
      left -= more;
    }
    hungry = hungry.filter(open);
  }
  return shares;
}

/** Tokens that these rows feed. */
export function countTokens(rows: readonly StepRow[]): number {
  return rows.reduce((sum, row) => sum + (row.kind === "prefill" ? row.tokens.length : 1), 0);
}
