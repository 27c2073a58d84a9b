// Decides how many draft tokens the slots of a step get, by what the drafts are worth and what the step costs. Pure.
import type { Draft } from "./drafter.ts";

/** Milliseconds of a step in which each decoding slot has this many rows; undefined if that is unknown. */
type StepMs = (rowsEach: number) => number | undefined;

/** Rows of a slot that are tried: its last token and the drafts. */
const rowCounts = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64] as const;
export const mostDrafts = 63;

/** Drafts must give at least this many times the tokens per millisecond. */
const leastGain = 1.1;
/** With drafts, a token of any slot may take at most this many times the time without them. */
const mostSlowdown = 1.05;

/**
 * Returns the number of drafts of each slot; 0 if drafts do not pay.
 * @param drafts one for each decoding slot, empty where a slot has none
 * @param most the number of drafts for which each slot has room
 */
export function chooseDrafts(drafts: readonly Draft[], most: number, stepMs: StepMs): number {
  if (drafts.every(({ tokens }) => tokens.length === 0)) return 0;
  const plainMs = stepMs(1);
  if (plainMs === undefined) return 0;
  let best = 0;
  let bestGain = 1;
  for (const rowsEach of rowCounts) {
    if (rowsEach - 1 > most) break;
    const ms = stepMs(rowsEach);
    if (ms === undefined) continue;
    const tokens = drafts.map(({ chances }) => expectedTokens(chances, rowsEach - 1));
    const gain = ((sum(tokens) / drafts.length) * plainMs) / ms;
    const slowest = ms / plainMs / Math.min(...tokens);
    const isFree = ms <= plainMs;
    if (gain > bestGain && (isFree || (gain >= leastGain && slowest <= mostSlowdown))) {
      best = rowsEach - 1;
      bestGain = gain;
    }
  }
  return best;
}

/** Number of tokens that a slot gets in a step with this many drafts, on average. */
function expectedTokens(chances: readonly number[], drafts: number): number {
  let tokens = 1;
  let chance = 1;
  for (const each of chances.slice(0, drafts)) tokens += chance *= each;
  return tokens;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
