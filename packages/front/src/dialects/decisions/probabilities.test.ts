import fc from "fast-check";
import { expect, test } from "vitest";
import { choiceConfidence, massOf, scoreConfidence, softmax } from "./probabilities.ts";

test("probabilities are shares of the options, and a temperature evens them out", () => {
  const logprobs = [Math.log(0.6), Math.log(0.2)];
  expect(softmax(logprobs, 1)).toEqual([expect.closeTo(0.75, 12), expect.closeTo(0.25, 12)]);
  expect(softmax(logprobs, 1e9)).toEqual([expect.closeTo(0.5, 6), expect.closeTo(0.5, 6)]);
  expect(softmax(logprobs, 1e-300)).toEqual([1, 0]);
  expect(massOf(logprobs)).toBeCloseTo(0.8, 12);
});

test("probabilities sum to 1 for any logprobs and temperature", () => {
  const logprob = fc.oneof(fc.double({ min: -1_000, max: 0, noNaN: true }), fc.constant(-Infinity));
  fc.assert(
    fc.property(
      fc.array(logprob, { minLength: 1, maxLength: 255 }),
      fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
      (logprobs, temperature) => {
        const sum = softmax(logprobs, temperature).reduce((total, probability) => total + probability, 0);
        expect(sum).toBeCloseTo(1, 9);
      },
    ),
  );
});

test("confidence is 0 for an even distribution and 1 for a certain answer", () => {
  for (const confidence of [choiceConfidence, scoreConfidence]) {
    expect(confidence([1])).toBe(1);
    expect(confidence([0, 1, 0])).toBe(1);
  }
  expect(choiceConfidence([0.25, 0.25, 0.25, 0.25])).toBe(0);
  expect(scoreConfidence([0.5, 0, 0.5])).toBe(0);
  expect(scoreConfidence([0.3, 0.7])).toBeCloseTo(0.4, 12);
});
