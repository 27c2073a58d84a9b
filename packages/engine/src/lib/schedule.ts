// Owns what one step carries: who decodes, and in which order prompts get the step's token budget. Pure; it starts
// nothing.
import type { StepRow, Token } from "./backend.ts";
import type { SlotState } from "./slots.ts";

export interface ScheduleLimits {
  /** Most tokens in one step, over all rows; at least the number of slots. */
  readonly batchSize: number;
  /** Most slots that decode in this step; the others wait for their turn. */
  readonly decodeRows: number;
  /** Most prompt tokens in this step, but for the rest of a prompt that is nearly done. */
  readonly prefillBudget: number;
}

export interface SchedulableSlot {
  readonly id: number;
  readonly state: SlotState;
  readonly prompt: readonly Token[];
  readonly cached: readonly Token[];
  /** Prompt tokens of others that were computed while this prompt waited. */
  readonly passedOver: number;
  /** Present until the job in it begins. */
  readonly pending: object | undefined;
  /** The step in which it decoded last. */
  readonly lastDecoded: number;
}

/** A prompt with so little more than the budget left is finished: a row of a few tokens costs far more for each. */
const lastChunkStretch = 1.125;
/** A row with fewer tokens is put off, unless it ends its prompt or would be the step's only prompt. */
const leastChunkTokens = 8;

/**
 * The rows of the next step, in ascending slot order; none when there is nothing to compute.
 *
 * Every decoding slot takes part, or those that have waited longest. Prompts get the budget one after the other, the shortest rest first: that serves
 * most of them soonest, and few long rows compute faster than many short ones. A prompt that is passed over counts as
 * shorter by as much, so nobody waits for more tokens of others than its own prompt has.
 */
export function schedule(slots: readonly SchedulableSlot[], limits: ScheduleLimits): StepRow[] {
  const decoding = new Set(
    slots
      .filter((slot) => slot.state === "decoding")
      .toSorted((a, b) => a.lastDecoded - b.lastDecoded)
      .slice(0, limits.decodeRows),
  );
  const prefilling = slots.filter(isPrefilling);
  const shares = shareBudget(prefilling, limits.prefillBudget, limits.batchSize - decoding.size);

  const rows: StepRow[] = [];
  for (const slot of slots) {
    const share = shares.get(slot.id) ?? 0;
    if (decoding.has(slot)) rows.push({ kind: "decode", slot: slot.id });
    else if (share > 0) rows.push(prefillRow(slot, share));
  }
  return rows;
}

/** What each of these slots was passed over by, were these rows computed. */
export function notePassedOver(
  slots: readonly (SchedulableSlot & { passedOver: number })[],
  rows: readonly StepRow[],
): void {
  const total = rows.reduce((sum, row) => sum + promptTokens(row), 0);
  if (total === 0) return;
  const own = new Map(rows.map((row) => [row.slot, promptTokens(row)]));
  for (const slot of slots) if (isPrefilling(slot)) slot.passedOver += total - (own.get(slot.id) ?? 0);
}

export function isPrefilling({ state, pending }: Pick<SchedulableSlot, "state" | "pending">): boolean {
  return state === "prefilling" && pending === undefined;
}

function shareBudget(slots: readonly SchedulableSlot[], budget: number, room: number): Map<number, number> {
  const shares = new Map<number, number>();
  let left = Math.min(budget, room);
  let spent = 0;
  for (const slot of slots.toSorted((a, b) => rank(a) - rank(b))) {
    const rest = restOf(slot);
    const share = rest <= left * lastChunkStretch && rest <= room - spent ? rest : Math.min(rest, left);
    if (share < leastChunkTokens && share < rest && shares.size > 0) continue;
    if (share > 0) shares.set(slot.id, share);
    spent += share;
    left -= share;
    if (left <= 0) break;
  }
  return shares;
}

function rank(slot: SchedulableSlot): number {
  return restOf(slot) - slot.passedOver;
}

function restOf({ prompt, cached }: SchedulableSlot): number {
  return prompt.length - cached.length;
}

function prefillRow(slot: SchedulableSlot, count: number): StepRow {
  const from = slot.cached.length;
  const tokens = slot.prompt.slice(from, from + count);
  return { kind: "prefill", slot: slot.id, tokens, sample: from + tokens.length === slot.prompt.length };
}

function promptTokens(row: StepRow): number {
  return row.kind === "prefill" ? row.tokens.length : 0;
}

/** Tokens that these rows feed. */
export function countTokens(rows: readonly StepRow[]): number {
  return rows.reduce((sum, row) => sum + (row.kind === "prefill" ? row.tokens.length : 1), 0);
}
