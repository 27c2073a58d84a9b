// Plans a step. Each job gets the next entries that its slot lacks of its target; prompts share a budget, in an order. Pure.
import type { PicturePiece } from "../port/pictures.ts";
import type { BatchEntry, LogprobsRequest, Token } from "../port/steps.ts";
import { positionBehind } from "../port/entries.ts";
import type { PromptChunk } from "../port/kv.ts";
import { tileTokens } from "./costs/step-shape.ts";
import { countTokens, inMatrices, noDrafts, type Divide, type Span } from "./spans.ts";
import { branchReads, isDecoding, missingOf, scores, type Run } from "./slots.ts";

export interface ScheduleLimits {
  /** Maximum number of tokens in one step, over all spans; at least the number of slots. */
  readonly batchSize: number;
  /** Maximum number of prompt tokens in this step; a piece may exceed it by less than `leastPiece`, to end its prompt, or by less than a tile. */
  readonly prefillBudget: number;
  /** Fewest tokens of a piece of a prompt that are worth their step, unless the piece ends the prompt. */
  readonly leastPiece: number;
  /** Maximum number of prompt tokens in this step behind which logprobs are read. */
  readonly scoredTokens: number;
  readonly divide: Divide;
}

/** Tiles of a matrix of readings. After 2,000 tokens, two readings of 88 tokens took 1.6 times as long as one, and a cancel waits for the step. */
const matrixTiles = 3;

/**
 * Returns the spans of the next step; an empty list when there is nothing to compute. Every decoding job takes part. Prompts receive the budget one after
 * the other, in the order of `promptsInOrder`.
 *
 * Neighbouring slots in ascending order are one matrix, so the matrices come in descending order of their slots.
 * @param runs jobs that prefill or decode
 * @param drafts equally many for each decoding job, by slot
 */
export function planSpans(
  runs: readonly Run[],
  limits: ScheduleLimits,
  drafts?: ReadonlyMap<number, readonly Token[]>,
): Span[] {
  const decoding = runs.filter(isDecoding);
  const rows = decoding.map((run) => ({ run, count: 1, drafts: drafts?.get(run.slot.id) ?? noDrafts }));
  // A stream's step keeps its budget.
  const joined = decoding.length === 0 ? matrixTiles * tileTokens : 0;
  const pieces = shareBudget(runs, limits, limits.batchSize - countTokens(rows), joined);
  return inMatrices([...rows, ...pieces], limits.divide);
}

/** Makes the batch entry of a span, before the slot holds its tokens. */
export function toBatchEntry({ run, count, drafts }: Span): BatchEntry {
  const { slot, target } = run;
  const { entries, nextPosition } = slot.held;
  const from = entries.length;
  const sample = run.kind === "answer" && from + count === target.length;
  const forced = sample ? run.sequence.forced : undefined;
  const reads = readsOf(run, from, from + count);
  return {
    slot: slot.id,
    from: nextPosition,
    tokens: target.slice(from, from + count),
    sample,
    ...(reads.length === 0 ? {} : { reads }),
    ...(run.kind === "decision" && from >= run.prepared.prompt.length ? { passing: true } : {}),
    ...(forced === undefined ? {} : { forced }),
    ...(drafts.length === 0 ? {} : { drafts }),
  };
}

/** What is read behind the target's entries from index `from` up to, not including, `to`. */
function readsOf(run: Run, from: number, to: number): LogprobsRequest[] {
  if (run.kind === "decision") {
    const reads = branchReads(run).filter(({ index }) => index >= from && index < to);
    return reads.map(({ index, tokens }) => ({ at: index - from, tokens, top: 0 }));
  }
  if (!scores(run)) return [];
  const { topLogprobs: top = 0 } = run.prepared.sampling;
  return run.target.slice(from + 1, to + 1).map((next, at) => ({ at, tokens: [next], top }));
}

/** Returns how many of the next `count` entries can be computed with at most `most` reads. */
export function withReads(run: Run, count: number, most: number): { readonly count: number; readonly reads: number } {
  const from = run.slot.held.entries.length;
  const reads = readsOf(run, from, from + count);
  return { count: reads[most]?.at ?? count, reads: Math.min(reads.length, most) };
}

/** Adds to each waiting prompt's age the prompt tokens that these spans compute for other jobs. */
export function ageWaiting(prefilling: readonly Run[], spans: readonly Span[]): void {
  const counts = new Map(spans.filter(({ run }) => !isDecoding(run)).map(({ run, count }) => [run, count]));
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  for (const run of prefilling) run.agingTokens += total - (counts.get(run) ?? 0);
}

/** Returns the chunk of a picture that the job's prompt has next, wholly or in part; undefined if only text is left. */
export function nextChunk({ slot, chunks }: Run): PromptChunk | undefined {
  return chunks.find(({ at, chunk }) => at + chunk.cells > slot.held.entries.length);
}

/** Returns the cells of the job's picture that a pass computes. @param most number of cells, which a chunk that cannot be divided may exceed */
export function picturePiece(run: Run, most: number): PicturePiece | undefined {
  const { slot } = run;
  const found = nextChunk(run);
  if (found === undefined) return undefined;
  const { at, chunk } = found;
  const first = slot.held.entries.length - at;
  const count = chunk.causal ? Math.min(most, chunk.cells - first) : chunk.cells;
  return { slot: slot.id, chunk, first, count, from: positionBehind(slot.held.chunks, at) };
}

/** Number of tokens that a job's prompt has up to the next picture, or to its end; 0 for a job that decodes. */
export function textLeft(run: Run): number {
  if (isDecoding(run)) return 0;
  const end = nextChunk(run)?.at ?? run.target.length;
  return Math.max(0, end - run.slot.held.entries.length);
}

/** @param joined most tokens of the readings of a decide job that are one matrix */
function shareBudget(
  runs: readonly Run[],
  { prefillBudget, leastPiece, scoredTokens }: ScheduleLimits,
  room: number,
  joined: number,
): Span[] {
  const pieces: Span[] = [];
  let left = Math.min(prefillBudget, room);
  let scorable = scoredTokens;
  let used = 0;
  for (const run of promptsInOrder(runs.filter((each) => textLeft(each) > 0))) {
    const rest = textLeft(run);
    // Readings of a decide job are cheaper as one matrix, so a small matrix may exceed the budget.
    const joins = pieces.at(-1)?.run.sequence === run.sequence && used + rest <= Math.min(room, joined);
    if (left <= 0 && !joins) break;
    // Only the first piece may exceed the budget, and only where the step has room.
    const wanted = pieceOf(rest, left, pieces.length === 0 ? Math.min(leastPiece, room - left) : 1);
    const { count, reads } = withReads(run, joins ? rest : wanted, scorable);
    // The rest of the budget is not a piece worth its step: a later prompt may end with it.
    if (count < leastPiece && count < rest && pieces.length > 0) continue;
    if (count > 0) pieces.push({ run, count, drafts: noDrafts });
    scorable -= reads;
    used += count;
    left -= count;
  }
  return pieces;
}

/**
 * Returns how many tokens of a prompt's rest are computed next. After the piece, no tokens remain, or at least `least`. If the budget has room for a tile,
 * whole tiles remain: an incomplete tile costs least in the first piece, which has the shortest context.
 */
function pieceOf(rest: number, budget: number, least: number): number {
  if (rest < budget + least) return rest;
  if (budget < tileTokens) return budget;
  const odd = rest % tileTokens;
  const tiled = odd + Math.floor((budget - odd) / tileTokens) * tileTokens;
  return tiled < Math.min(budget, least) ? tiled + tileTokens : tiled;
}

/**
 * Sorts prompts into the order in which they are computed: the shortest rest first, because most prompts finish soonest this way, and few long entries
 * compute faster than many short ones. While a prompt waits, it is ranked as if it were shorter by the tokens that other prompts compute. So a prompt never
 * waits for more tokens of other prompts than it has itself.
 */
export function promptsInOrder(runs: readonly Run[]): Run[] {
  const rank = (run: Run): number => missingOf(run) - run.agingTokens;
  return runs.toSorted((a, b) => rank(a) - rank(b));
}

/** Returns the prompt whose text is computed next; undefined if none waits. */
export function nextPrompt(runs: readonly Run[]): Run | undefined {
  return promptsInOrder(runs.filter((run) => textLeft(run) > 0))[0];
}
