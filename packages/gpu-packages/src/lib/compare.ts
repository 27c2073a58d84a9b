// Owns when two devices have computed the same: their probabilities agree, and where their words part, the two were as good as equal.

/** A token that was chosen, and what else was probable there. */
export interface ChosenToken {
  readonly text: string;
  readonly logprob: number;
  /** By text. */
  readonly others: ReadonlyMap<string, number>;
}

/** Devices add up in other orders and precisions: 0.05 was the most that half precision moved a logprob of the embedded model. */
const mostDifference = 0.1;

/** @returns what is wrong, in a sentence's words; undefined when they agree */
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
    // From here on they answer different texts. It counts as a tie only if the CPU was of two minds as well.
    if (!same)
      return token.logprob - logprob <= mostDifference ? undefined : `token ${i} is another one than on the CPU`;
  }
  return undefined;
}
