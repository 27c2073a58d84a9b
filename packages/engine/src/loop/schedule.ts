// Builds the batch entries of one step: which slots decode, and in which order prompts share the step's token budget. Pure.
import type { BatchEntry, Held, Token } from "../port/backend.ts";
import { tileTokens } from "../costs/pass-costs.ts";
import type { Slot } from "./slots.ts";

export interface ScheduleLimits {
  /** Maximum number of tokens in one step, over all entries; at least the number of slots. */
  readonly batchSize: number;
  /** Maximum number of slots that decode in this step; other decoding slots wait for their turn. */
  readonly decodeRows: number;
  /** Maximum number of prompt tokens in this step; only the rest of a nearly finished prompt may exceed it. */
  readonly prefillBudget: number;
  /** Maximum number of prompt tokens of a chunk that does not fill a tile; Infinity unless such a chunk takes too long. */
  readonly partTokens: number;
  /** Maximum number of prompt tokens in this step whose next-token logprobs are computed. */
  readonly scoredTokens: number;
}

type SlotFields = "id" | "state" | "prompt" | "scores" | "agingTokens" | "lastDecoded";

export interface SchedulableSlot extends Readonly<Pick<Slot, SlotFields>> {
  readonly held: Held;
  readonly pending: object | undefined;
  readonly sequence: { readonly lastToken: Token; readonly forced: Token | undefined } | undefined;
}

/**
 * A prompt is finished in this step if its rest is at most this many times the budget: another step with the few tokens that
 * remain would cost far more per token.
 */
const lastChunkStretch = 1.125;
/** A chunk with fewer tokens waits for the next step, unless it ends its prompt or no other prompt is in the step. */
const leastChunkTokens = 8;

/**
 * Returns the entries of the next step, in ascending slot order; an empty list when there is nothing to compute.
 * Every decoding slot takes part; where the rows are limited, the slots that have waited longest. Prompts receive the
 * budget one after the other, the shortest rest first: most prompts finish soonest this way, and few long entries compute
 * faster than many short ones. While a prompt waits, it is ranked as if it were shorter by the tokens that other prompts
 * compute. So a prompt never waits for more tokens of other prompts than it has itself.
 */
export function schedule(slots: readonly SchedulableSlot[], limits: ScheduleLimits): BatchEntry[] {
  const ready = slots.filter((slot) => slot.state === "decoding");
  const prefilling = slots.filter(isPrefilling);
  if (prefilling.length === 0 && ready.length <= limits.decodeRows) return ready.map(decodeEntry);
  const decoding = new Set(ready.toSorted((a, b) => a.lastDecoded - b.lastDecoded).slice(0, limits.decodeRows));
  const shares = shareBudget(prefilling, limits, limits.batchSize - decoding.size);

  const entries: BatchEntry[] = [];
  for (const slot of slots) {
    const share = shares.get(slot.id) ?? 0;
    if (decoding.has(slot)) entries.push(decodeEntry(slot));
    else if (share > 0) entries.push(prefillEntry(slot, share));
  }
  return entries;
}

/** Adds to each waiting prompt's age the prompt tokens that these entries compute for other slots. */
export function ageWaiting(
  slots: readonly (SchedulableSlot & { agingTokens: number })[],
  entries: readonly BatchEntry[],
): void {
  const total = entries.reduce((sum, entry) => sum + promptTokens(entry), 0);
  if (total === 0) return;
  const own = new Map(entries.map((entry) => [entry.slot, promptTokens(entry)]));
  for (const slot of slots) if (isPrefilling(slot)) slot.agingTokens += total - (own.get(slot.id) ?? 0);
}

export function isPrefilling({ state, pending }: Pick<SchedulableSlot, "state" | "pending">): boolean {
  return state === "prefilling" && pending === undefined;
}

function shareBudget(
  slots: readonly SchedulableSlot[],
  { prefillBudget, partTokens, scoredTokens }: ScheduleLimits,
  room: number,
): Map<number, number> {
  const shares = new Map<number, number>();
  let left = Math.min(prefillBudget, room);
  let scorable = scoredTokens;
  let spent = 0;
  for (const slot of slots.toSorted((a, b) => rank(a) - rank(b))) {
    const rest = restOf(slot);
    const wanted = rest <= left * lastChunkStretch && rest <= room - spent ? rest : Math.min(rest, left);
    const share = Math.min(partFirst(wanted, rest, partTokens), slot.scores ? scorable : Infinity);
    if (share < leastChunkTokens && share < rest && shares.size > 0) continue;
    if (share > 0) shares.set(slot.id, share);
    spent += share;
    if (slot.scores) scorable -= share;
    left = (share < tileTokens ? Math.min(left, partTokens) : left) - share;
    if (left <= 0) break;
  }
  return shares;
}

/**
 * Returns how many tokens of a prompt's share of the budget to compute now. Where a chunk that does not fill a tile is expensive, it is computed
 * before the whole tiles, because each token before such a chunk makes it more expensive.
 */
function partFirst(share: number, rest: number, partTokens: number): number {
  if (partTokens >= tileTokens) return share;
  const part = share < tileTokens ? share : rest % share;
  const endsWithTile = part <= share * (lastChunkStretch - 1);
  return part >= tileTokens || endsWithTile ? share : Math.min(part, partTokens);
}

function rank(slot: SchedulableSlot): number {
  return restOf(slot) - slot.agingTokens;
}

function restOf({ prompt, held }: SchedulableSlot): number {
  return prompt.length - held.entries.length;
}

/** @throws Error when the slot has sampled no token, which is a defect of the caller */
function decodeEntry({ id, held, sequence }: SchedulableSlot): BatchEntry {
  if (sequence === undefined) throw new Error(`Cannot decode in slot ${id}: no job is bound to it`);
  const { lastToken, forced } = sequence;
  const entry = { kind: "decode", slot: id, from: held.nextPosition, tokens: [lastToken], sample: true } as const;
  return forced === undefined ? entry : { ...entry, forced };
}

function prefillEntry(slot: SchedulableSlot, count: number): BatchEntry {
  const fed = slot.held.entries.length;
  const tokens = slot.prompt.slice(fed, fed + count);
  const sample = fed + tokens.length === slot.prompt.length;
  const forced = sample ? slot.sequence?.forced : undefined;
  return {
    kind: "prefill",
    slot: slot.id,
    from: slot.held.nextPosition,
    tokens,
    sample,
    ...(slot.scores ? { nextTokens: slot.prompt.slice(fed + 1, fed + count + 1) } : {}),
    ...(forced === undefined ? {} : { forced }),
  };
}

function promptTokens(entry: BatchEntry): number {
  return entry.kind === "prefill" ? entry.tokens.length : 0;
}

/** Counts the prompt tokens whose next-token logprobs these entries request. */
export function countScored(entries: readonly BatchEntry[]): number {
  return entries.reduce((sum, { nextTokens }) => sum + (nextTokens?.length ?? 0), 0);
}

/** Counts the tokens that these entries feed. */
export function countTokens(entries: readonly BatchEntry[]): number {
  return entries.reduce((sum, { tokens }) => sum + tokens.length, 0);
}
