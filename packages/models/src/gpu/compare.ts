// Compares the results of two devices: their probabilities must agree, and at the first different token both tokens must have been almost equally
// probable.

/** A chosen token, and the other probable tokens at its position. */
export interface ChosenToken {
  readonly text: string;
  readonly logprob: number;
  /** Log probabilities by the token's text. */
  readonly others: ReadonlyMap<string, number>;
}

/** Devices sum in different orders and precisions. In measurements with the embedded model, half precision changed a logprob by 0.05 at most. */
const mostDifference = 0.1;

/** @returns the difference in words, for an error message; undefined when the results agree */
export function disagreement(expected: readonly ChosenToken[], found: readonly ChosenToken[]): string | undefined {
  if (found.length === 0 || expected.length === 0) return "nothing was computed";
  for (const [i, token] of expected.entries()) {
    const other = found[i];
    if (other === undefined) return `it ended after ${i} tokens, the CPU after ${expected.length}`;
    const same = other.text === token.text;
    const logprob = same ? token.logprob : token.others.get(other.text);
    if (logprob === undefined)
      return `token ${i} is ${JSON.stringify(other.text)}, on the CPU ${JSON.stringify(token.text)}`;
    if (!(Math.abs(other.logprob - logprob) <= mostDifference))
      return `the log probability of token ${i} is ${other.logprob}, on the CPU ${logprob}`;
    // From here on the two texts differ. This is accepted only if both tokens were almost equally probable on the CPU as well.
    if (!same)
      return token.logprob - logprob <= mostDifference ? undefined : `token ${i} is another one than on the CPU`;
  }
  return undefined;
}
