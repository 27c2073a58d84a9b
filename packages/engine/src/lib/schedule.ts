// Owns what one step carries: who decodes, and in which order prompts get the step's token budget. Pure; it starts
// nothing.
import type { BatchEntry, Token } from "./backend.ts";
import { tileTokens } from "./pass-costs.ts";
import type { SlotState } from "./slots.ts";

export interface ScheduleLimits {
  /** Most tokens in one step, over all entries; at least the number of slots. */
  readonly batchSize: number;
  /** Most slots that decode in this step; the others wait for their turn. */
  readonly decodeRows: number;
  /** Most prompt tokens in this step, but for the rest of a prompt that is nearly done. */
  readonly prefillBudget: number;
  /** Most of them where they do not fill a tile; Infinity where such a part is not dearer than it may be. */
  readonly partTokens: number;
  /** Most of them whose followers' logprobs are asked for. */
  readonly scoredTokens: number;
}

export interface SchedulableSlot {
  readonly id: number;
  readonly state: SlotState;
  readonly prompt: readonly Token[];
  readonly cached: readonly Token[];
  /** Its prompt's logprobs are wanted. */
  readonly scores: boolean;
  /** Prompt tokens of others that were computed while this prompt waited. */
  readonly agingTokens: number;
  /** Present until the job in it begins. */
  readonly pending: object | undefined;
  /** The step in which it decoded last. */
  readonly lastDecoded: number;
  readonly sequence: { readonly forced: Token | undefined } | undefined;
}

/** A prompt with so little more than the budget left is finished: an entry of a few tokens costs far more for each. */
const lastChunkStretch = 1.125;
/** An entry with fewer tokens is put off, unless it ends its prompt or would be the step's only prompt. */
const leastChunkTokens = 8;

/**
 * The entries of the next step, in ascending slot order; none when there is nothing to compute.
 *
 * Every decoding slot takes part, or those that have waited longest. Prompts get the budget one after the other, the shortest rest first: that serves
 * most of them soonest, and few long entries compute faster than many short ones. A prompt ages by what others compute while it waits, and counts as
 * shorter by as much, so nobody waits for more tokens of others than its own prompt has.
 */
export function schedule(slots: readonly SchedulableSlot[], limits: ScheduleLimits): BatchEntry[] {
  const ready = slots.filter((slot) => slot.state === "decoding");
  const prefilling = slots.filter(isPrefilling);
  // Nearly every step: nothing is to be shared out.
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

/** How much older each waiting prompt gets, were these entries computed. */
export function noteAging(
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

/** Where what fills no tile is dear, it comes before the tiles: each token before it makes it dearer yet. */
function partFirst(share: number, rest: number, partTokens: number): number {
  if (partTokens >= tileTokens) return share;
  const part = share < tileTokens ? share : rest % share;
  const endsWithTile = part <= share * (lastChunkStretch - 1);
  return part >= tileTokens || endsWithTile ? share : Math.min(part, partTokens);
}

function rank(slot: SchedulableSlot): number {
  return restOf(slot) - slot.agingTokens;
}

function restOf({ prompt, cached }: SchedulableSlot): number {
  return prompt.length - cached.length;
}

function decodeEntry({ id, sequence }: SchedulableSlot): BatchEntry {
  const forced = sequence?.forced;
  return forced === undefined ? { kind: "decode", slot: id } : { kind: "decode", slot: id, forced };
}

function prefillEntry(slot: SchedulableSlot, count: number): BatchEntry {
  const from = slot.cached.length;
  const tokens = slot.prompt.slice(from, from + count);
  const sample = from + tokens.length === slot.prompt.length;
  const forced = sample ? slot.sequence?.forced : undefined;
  return {
    kind: "prefill",
    slot: slot.id,
    tokens,
    sample,
    ...(slot.scores ? { followers: slot.prompt.slice(from + 1, from + count + 1) } : {}),
    ...(forced === undefined ? {} : { forced }),
  };
}

function promptTokens(entry: BatchEntry): number {
  return entry.kind === "prefill" ? entry.tokens.length : 0;
}

/** Prompt tokens whose followers' logprobs these entries ask for. */
export function countScored(entries: readonly BatchEntry[]): number {
  return entries.reduce((sum, entry) => sum + (entry.kind === "prefill" ? (entry.followers?.length ?? 0) : 0), 0);
}

/** Tokens that these entries feed. */
export function countTokens(entries: readonly BatchEntry[]): number {
  return entries.reduce((sum, entry) => sum + (entry.kind === "prefill" ? entry.tokens.length : 1), 0);
}
