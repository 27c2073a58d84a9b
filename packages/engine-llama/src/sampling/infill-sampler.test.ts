import { expect, test } from "vitest";
import { sureCandidates } from "./infill-sampler.ts";

const texts = new Map([
  [1, "foo"],
  [2, "foobar"],
  [3, "x"],
  [4, "y"],
]);
const end = 9;
const vocabulary = {
  isEndOfGeneration: (token: number) => token === end,
  tokenBytes: (token: number) => new TextEncoder().encode(texts.get(token) ?? ""),
};

const kept = (...candidates: readonly (readonly [token: number, probability: number])[]): readonly number[] =>
  sureCandidates(
    candidates.map(([token, probability]) => ({ token, probability })),
    vocabulary,
  ).map(({ token }) => token);

test("improbable candidates are removed", () => {
  expect(kept([3, 0.5], [4, 0.4], [1, 0.1])).toEqual([3, 4]);
});

test("candidates that are improbable compared with the others are removed", () => {
  expect(kept([1, 0.7], [3, 0.25], [4, 0.05])).toEqual([1]);
  expect(kept([1, 0.6], [3, 0.2], [4, 0.2])).toEqual([1]);
  expect(kept([1, 0.45], [4, 0.22], [3, 0.33])).toEqual([1, 3]);
  expect(kept([3, 0.64], [4, 0.33], [end, 0.03]), "ends have their share").toEqual([3, end]);
});

test("only the end stays if it is probable enough", () => {
  expect(kept([3, 0.8], [end, 0.15], [4, 0.05])).toEqual([end]);
  expect(kept([3, 0.97], [4, 0.02], [end, 0.01])).toEqual([3, end]);
});

test("probabilities of texts with the same beginning are added", () => {
  expect(kept([2, 0.15], [1, 0.14], [3, 0.13], [4, 0.12])).toEqual([2]);
});

test("no candidates stay if none is probable enough", () => {
  expect(kept([1, 0.15], [3, 0.14], [4, 0.13])).toEqual([]);
});
