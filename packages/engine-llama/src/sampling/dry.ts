// Calculates DRY ("don't repeat yourself"), a penalty for tokens that would lengthen a repetition. The rules are those of llama.cpp's sampler.
import type { SlotSampling, Token } from "@waggle/engine";

export type DrySettings = Pick<
  SlotSampling,
  "dry_multiplier" | "dry_base" | "dry_allowed_length" | "dry_penalty_last_n"
>;

/** Maximum number of tokens of a breaker after its first token, as in llama.cpp. */
export const mostTailTokens = 20;

/** Token sequences that end a repetition. Key: the first token; value: the following tokens, an empty list for a sequence of one token. */
export type DryBreakers = ReadonlyMap<Token, readonly (readonly Token[])[]>;

/** Natural logarithm of the greatest number in single precision. */
const greatestLog = Math.fround(88.722_839_1);
/** Up to this base, the penalty cannot overflow, so its exponent has no limit. */
const leastBase = Math.fround(1.000_001);

export function hasDry({ dry_multiplier, dry_penalty_last_n }: DrySettings): boolean {
  return dry_multiplier !== 0 && dry_penalty_last_n !== 0;
}

/**
 * Finds earlier occurrences of the tokens at the text's end. The token after such an occurrence gets the penalty
 * multiplier · base ^ (number of equal tokens - allowed length). Takes linear time.
 * @param history oldest token first; the last `dry_penalty_last_n` tokens are compared, or all for -1
 * @returns for each token with a penalty, the number to subtract from its logit, in single precision
 */
export function dryPenalties(
  history: readonly Token[],
  settings: DrySettings,
  breakers: DryBreakers,
): Map<Token, number> {
  const { dry_allowed_length: allowed, dry_penalty_last_n: lastN } = settings;
  const penalties = new Map<Token, number>();
  if (!hasDry(settings)) return penalties;
  const recent = newestFirst(history, lastN === -1 ? history.length : Math.min(lastN, history.length));
  if (recent.length <= allowed) return penalties;
  const matched = matchLengths(recent);
  const limit = unbrokenLength(recent, breakers, matched.longest);
  if (limit < allowed) return penalties;
  const lengths = new Map<Token, number>();
  for (let back = 1; back < recent.length; back++) {
    const length = Math.min(matched.lengths[back] ?? 0, limit);
    if (length < allowed) continue;
    const next = recent[back - 1] ?? 0;
    if (length > (lengths.get(next) ?? -1)) lengths.set(next, length);
  }
  const [multiplier, base] = [Math.fround(settings.dry_multiplier), Math.fround(settings.dry_base)];
  const mostOver = base > leastBase ? Math.trunc(Math.fround(greatestLog / Math.fround(Math.log(base)))) : 0;
  for (const [token, length] of lengths) {
    if (breakers.get(token)?.some((tail) => tail.length === 0) === true) continue;
    const over = mostOver > 0 ? Math.min(length - allowed, mostOver) : length - allowed;
    penalties.set(token, Math.fround(multiplier * base ** over));
  }
  return penalties;
}

function newestFirst(history: readonly Token[], count: number): Uint32Array {
  const recent = new Uint32Array(count);
  for (let back = 0; back < count; back++) recent[back] = history[history.length - 1 - back] ?? 0;
  return recent;
}

/** Number of tokens since the last breaker; any number above the longest match if the breaker is further back. */
function unbrokenLength(recent: Uint32Array, breakers: DryBreakers, longestMatch: number): number {
  const end = Math.min(recent.length, longestMatch + mostTailTokens + 1);
  for (let back = 0; back < end; back++) {
    let longest = -1;
    for (const tail of breakers.get(recent[back] ?? 0) ?? []) {
      const { length } = tail;
      if (length <= longest || length > back) continue;
      if (tail.every((token, i) => recent[back - 1 - i] === token)) longest = length;
    }
    if (longest >= 0) return back - longest;
  }
  return recent.length;
}

/**
 * For each position, counted from the end: how many tokens, up to this position, equal the last tokens of the text. This is the Z-algorithm
 * (Gusfield, "Algorithms on Strings, Trees and Sequences", 1997, 1.4) on the reversed text.
 */
function matchLengths(recent: Uint32Array): { readonly lengths: Uint32Array; readonly longest: number } {
  let longest = 0;
  const lengths = new Uint32Array(recent.length);
  // The match that reaches furthest back: the tokens `[begin, end)` equal the first tokens.
  let [begin, end] = [0, 0];
  for (let back = 1; back < recent.length; back++) {
    let length = back < end ? Math.min(end - back, lengths[back - begin] ?? 0) : 0;
    while (back + length < recent.length && recent[length] === recent[back + length]) length++;
    if (back + length > end) [begin, end] = [back, back + length];
    lengths[back] = length;
    if (length > longest) longest = length;
  }
  return { lengths, longest };
}
