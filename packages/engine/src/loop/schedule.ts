// Builds the batch entries of one step: which slots decode, and in which order prompts share the step's token budget. Pure.
import type { BatchEntry, Held, Token } from "../port/backend.ts";
import { tokensOf, type PromptChunk } from "../port/entries.ts";
import { tileTokens } from "../costs/step-shape.ts";
import type { Slot } from "./slots.ts";

export interface ScheduleLimits {
  /** Maximum number of tokens in one step, over all entries; at least the number of slots. */
  readonly batchSize: number;
  /** Maximum number of prompt tokens in this step; a piece may exceed it by less than `leastPiece`, to end its prompt, or by less than a tile. */
  readonly prefillBudget: number;
  /** Fewest tokens of a piece of a prompt that are worth their step, unless the piece ends the prompt. */
  readonly leastPiece: number;
  /** Maximum number of prompt tokens in this step whose next-token logprobs are computed. */
  readonly scoredTokens: number;
  /** Divides a run of neighbouring decoding slots into matrices. @param height rows of each slot */
  divide(run: number, height: number): readonly number[];
}

type SlotFields = "id" | "state" | "prompt" | "chunks" | "scores" | "agingTokens";

export interface SchedulableSlot extends Readonly<Pick<Slot, SlotFields>> {
  readonly held: Held;
  readonly pending: object | undefined;
  readonly sequence: { readonly lastToken: Token; readonly forced: Token | undefined } | undefined;
}

/**
 * Returns the entries of the next step; an empty list when there is nothing to compute. Every decoding slot takes part. Prompts receive the budget one
 * after the other, the shortest rest first: most prompts finish soonest this way, and few long entries compute faster than many short ones. While a prompt
 * waits, it is ranked as if it were shorter by the tokens that other prompts compute. So a prompt never waits for more tokens of other prompts than it
 * has itself.
 *
 * Neighbouring slots in ascending order are one matrix, so the matrices come in descending order of their slots.
 * @param guesses equally many for each decoding slot
 */
export function schedule(
  slots: readonly SchedulableSlot[],
  limits: ScheduleLimits,
  guesses?: ReadonlyMap<number, readonly Token[]>,
): BatchEntry[] {
  const decoding = slots.filter((slot) => slot.state === "decoding");
  const [height = 1] = [...(guesses?.values() ?? [])].map(({ length }) => 1 + length);
  const shares = shareBudget(slots.filter(readsText), limits, limits.batchSize - decoding.length * height);
  const matrices = runsOf(decoding).flatMap((run) => divided(run, limits.divide(run.length, height)));
  const units = matrices.map((matrix) => matrix.map((slot) => decodeEntry(slot, guesses?.get(slot.id))));
  for (const slot of slots) {
    const share = shares.get(slot.id) ?? 0;
    if (share > 0) units.push([prefillEntry(slot, share)]);
  }
  return units.toSorted(([a], [b]) => (b?.slot ?? 0) - (a?.slot ?? 0)).flat();
}

/** Returns the runs of neighbouring slots. */
export function runsOf<S extends { readonly id: number }>(slots: readonly S[]): S[][] {
  const runs: S[][] = [];
  for (const slot of slots) {
    const last = runs.at(-1);
    if (last?.at(-1)?.id === slot.id - 1) last.push(slot);
    else runs.push([slot]);
  }
  return runs;
}

function divided<S>(run: readonly S[], sizes: readonly number[]): S[][] {
  let start = 0;
  return sizes.map((size) => run.slice(start, (start += size)));
}

/** Adds to each waiting prompt's age the prompt tokens that these entries compute for other slots. */
export function ageWaiting(
  slots: readonly (SchedulableSlot & { agingTokens: number })[],
  entries: readonly BatchEntry[],
): void {
  const computed = new Map(entries.map(({ slot, tokens }) => [slot, tokens.length]));
  const prompts = slots.filter(isPrefilling);
  const total = prompts.reduce((sum, { id }) => sum + (computed.get(id) ?? 0), 0);
  for (const slot of prompts) slot.agingTokens += total - (computed.get(slot.id) ?? 0);
}

export function isPrefilling({ state, pending }: Pick<SchedulableSlot, "state" | "pending">): boolean {
  return state === "prefilling" && pending === undefined;
}

/** Returns the chunk of a picture that the slot's prompt has next, wholly or in part; undefined if only text is left. */
export function nextChunk({ chunks, held }: Pick<SchedulableSlot, "chunks" | "held">): PromptChunk | undefined {
  return chunks.find(({ at, chunk }) => at + chunk.cells > held.entries.length);
}

/** Number of prompt tokens up to the next picture, or to the end of the prompt. */
function textLeft(slot: SchedulableSlot): number {
  const end = nextChunk(slot)?.at ?? slot.prompt.length;
  return Math.max(0, end - slot.held.entries.length);
}

/** Whether the slot's prompt continues with text. */
export function readsText(slot: SchedulableSlot): boolean {
  return isPrefilling(slot) && textLeft(slot) > 0;
}

function shareBudget(
  slots: readonly SchedulableSlot[],
  { prefillBudget, leastPiece, scoredTokens }: ScheduleLimits,
  room: number,
): Map<number, number> {
  const shares = new Map<number, number>();
  let left = Math.min(prefillBudget, room);
  let scorable = scoredTokens;
  for (const slot of inOrder(slots)) {
    const rest = textLeft(slot);
    // Only the first piece may exceed the budget, and only where the step has room.
    const wanted = pieceOf(rest, left, shares.size === 0 ? Math.min(leastPiece, room - left) : 1);
    const share = Math.min(wanted, slot.scores ? scorable : Infinity);
    if (share < leastPiece && share < rest && shares.size > 0) continue;
    if (share > 0) shares.set(slot.id, share);
    if (slot.scores) scorable -= share;
    left -= share;
    if (left <= 0) break;
  }
  return shares;
}

/**
 * Returns how many tokens of a prompt's rest are computed next. Behind the piece, at least `least` tokens remain, or none, and whole tiles where the budget
 * has room for one: tokens that fill no tile cost least in the first piece, which has the shortest context.
 */
function pieceOf(rest: number, budget: number, least: number): number {
  if (rest < budget + least) return rest;
  if (budget < tileTokens) return budget;
  const odd = rest % tileTokens;
  const tiled = odd + Math.floor((budget - odd) / tileTokens) * tileTokens;
  return tiled < Math.min(budget, least) ? tiled + tileTokens : tiled;
}

function rank(slot: SchedulableSlot): number {
  return restOf(slot) - slot.agingTokens;
}

function restOf({ prompt, held }: SchedulableSlot): number {
  return prompt.length - held.entries.length;
}

/** @throws Error when the slot has sampled no token, which is a defect of the caller */
function decodeEntry({ id, held, sequence }: SchedulableSlot, guesses: readonly Token[] = []): BatchEntry {
  if (sequence === undefined) throw new Error(`Cannot decode in slot ${id}: no job is bound to it`);
  const { lastToken, forced } = sequence;
  const entry = { slot: id, from: held.nextPosition, tokens: [lastToken], sample: true };
  if (forced !== undefined) return { ...entry, forced };
  return guesses.length === 0 ? entry : { ...entry, guesses };
}

function prefillEntry(slot: SchedulableSlot, count: number): BatchEntry {
  const fed = slot.held.entries.length;
  const tokens = tokensOf(slot.prompt.slice(fed, fed + count));
  const sample = fed + tokens.length === slot.prompt.length;
  const forced = sample ? slot.sequence?.forced : undefined;
  return {
    slot: slot.id,
    from: slot.held.nextPosition,
    tokens,
    sample,
    ...(slot.scores ? { nextTokens: tokensOf(slot.prompt.slice(fed + 1, fed + count + 1)) } : {}),
    ...(forced === undefined ? {} : { forced }),
  };
}

/** Counts the prompt tokens whose next-token logprobs these entries request. */
export function countScored(entries: readonly BatchEntry[]): number {
  return entries.reduce((sum, { nextTokens }) => sum + (nextTokens?.length ?? 0), 0);
}

/** Counts the tokens that these entries feed, guesses included. */
export function countTokens(entries: readonly BatchEntry[]): number {
  return entries.reduce((sum, { tokens, guesses }) => sum + tokens.length + (guesses?.length ?? 0), 0);
}

/** Returns the prompt that is computed next; undefined if none waits. */
export function nextPrompt<S extends SchedulableSlot>(slots: readonly S[]): S | undefined {
  return inOrder(slots.filter(readsText))[0];
}

/** Sorts prompts into the order in which they are computed. */
export function inOrder<S extends SchedulableSlot>(slots: readonly S[]): S[] {
  return slots.toSorted((a, b) => rank(a) - rank(b));
}
