// Compares the output of a GPU with the CPU's. Their log probabilities must be nearly equal. If the texts differ, both tokens at the first
// difference must be almost equally probable.

export interface ChosenToken {
  readonly text: string;
  readonly logprob: number;
  /** Log probabilities of other probable tokens at the same position, by their texts. */
  readonly others: ReadonlyMap<string, number>;
}

/** Devices sum in different orders and precisions. In measurements with the embedded model, half precision changed a logprob by 0.05 at most. */
const mostDifference = 0.1;

/** @returns the difference in words, for an error message; undefined when the results agree */
export function disagreement(expected: readonly ChosenToken[], found: readonly ChosenToken[]): string | undefined {
  if (found.length === 0 || expected.length === 0) return "the output is empty";
  for (const [i, token] of expected.entries()) {
    const other = found[i];
    if (other === undefined) return `the output ended after ${i} tokens, on the CPU after ${expected.length}`;
    const same = other.text === token.text;
    const logprob = same ? token.logprob : token.others.get(other.text);
    if (logprob === undefined)
      return `token ${i} is ${JSON.stringify(other.text)}, on the CPU ${JSON.stringify(token.text)}`;
    if (!(Math.abs(other.logprob - logprob) <= mostDifference))
      return `the log probability of token ${i} is ${other.logprob}, on the CPU ${logprob}`;
    // After different tokens the texts cannot be compared. The difference is accepted if both tokens were almost equally probable on the CPU.
    if (!same) return token.logprob - logprob <= mostDifference ? undefined : `token ${i} differs from the CPU's`;
  }
  return undefined;
}
