import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAnswerTrie } from "./answer-trie.ts";

/** A model without a context: the logprob of a token depends on the tokens of the answer before it. */
function logprobOf(before: readonly number[], token: number): number {
  return -1 - ((before.reduce((sum, each) => sum * 7 + each, 3) + token * 5) % 11) / 3;
}

/** Feeds the branches as a slot does. @returns the scores, and the number of tokens fed */
function score(options: readonly (readonly (readonly number[])[])[]): { scores: number[]; fed: number } {
  const trie = createAnswerTrie(options);
  const logprobs: number[][] = [];
  let fed = 0;
  for (const { tokens, reads, newTokens } of trie.branches) {
    fed += newTokens;
    for (const { node, behind } of reads) {
      expect(logprobs[node], "each node is read once").toBeUndefined();
      logprobs[node] = (trie.nodes[node] ?? []).map((token) => logprobOf(tokens.slice(0, behind), token));
    }
  }
  expect(logprobs).toHaveLength(trie.nodes.length);
  return { scores: trie.score(logprobs), fed };
}

function naive(options: readonly (readonly (readonly number[])[])[]): number[] {
  const sumOf = (answer: readonly number[]): number =>
    answer.reduce((sum, token, i) => sum + logprobOf(answer.slice(0, i), token), 0);
  return options.map((answers) => Math.log(answers.reduce((sum, answer) => sum + Math.exp(sumOf(answer)), 0)));
}

describe("createAnswerTrie", () => {
  test("reads labels with one token in one place, without feeding any", () => {
    expect(createAnswerTrie([[[1]], [[2], [3]]]).branches).toEqual([
      { tokens: [], reads: [{ node: 0, behind: 0 }], newTokens: 0 },
    ]);
  });

  test("feeds what answers have in common once", () => {
    const { branches, nodes } = createAnswerTrie([[[1, 2, 9]], [[1, 2, 3, 9]], [[1, 4, 9]], [[5, 9]], [[6]]]);
    expect(branches.map(({ tokens, newTokens }) => [tokens, newTokens])).toEqual([
      [[1, 2, 3], 3],
      [[1, 4], 1],
      [[5], 1],
    ]);
    expect(nodes[0]).toEqual([1, 5, 6]);
  });

  test("gives each option the sum over its answers, whatever they have in common", () => {
    const answer = fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }).map((tokens) => [...tokens, 9]);
    const options = fc
      .uniqueArray(answer, { minLength: 1, maxLength: 40, selector: (tokens) => tokens.join() })
      .map((answers) => answers.map((tokens, i) => (i % 3 === 0 ? [tokens, [...tokens.slice(0, -1), 8]] : [tokens])));
    fc.assert(
      fc.property(options, (given) => {
        const { scores, fed } = score(given);
        naive(given).forEach((expected, i) => expect(scores[i]).toBeCloseTo(expected, 10));
        const prefixes = new Set(given.flat().flatMap((tokens) => tokens.map((_, i) => tokens.slice(0, i).join())));
        expect(fed, "each inner node once").toBe(prefixes.size - 1);
      }),
    );
  });
});
