import type { StepCosts } from "@waggle/protocol";
import { expect, it } from "vitest";
import { decodeCurves, pieceWords, presentFirst, promptCurves } from "./step-curves.ts";

const costs: StepCosts = {
  threads: [
    {
      ...{ threads: 1, prompt: [] },
      decode: [
        { rows: 1, ms: 12 },
        { rows: 2, ms: 24 },
      ],
    },
    {
      ...{ threads: 2 },
      decode: [
        { rows: 1, ms: 9 },
        { rows: 4, ms: 34.4 },
        { rows: 32, ms: 400 },
      ],
      prompt: [
        { tokens: 8, ms: 20 },
        { tokens: 64, ms: 120 },
        { tokens: 512, ms: 980 },
      ],
    },
  ],
  context: { row_ms: 0.1, tile_ms: 0.1 },
};

it("begins with the present number of threads, and says what a step takes", () => {
  const decode = decodeCurves(presentFirst(costs, 2));
  expect(decode.curves.map(({ threads }) => threads)).toEqual([2, 1]);
  expect(decode).toMatchObject({ mostX: 4, mostMs: 34.4 });
  expect(decode.words).toBe("A step for 4 streams takes 34 ms, for 1 stream 9 ms.");
  expect(decodeCurves(presentFirst(costs, 1)).words).toBe("A step for 2 streams takes 24 ms, for 1 stream 12 ms.");
});

it("says what a piece of a prompt takes, and leaves out threads without a measurement", () => {
  const prompt = promptCurves(presentFirst(costs, 1));
  expect(prompt.curves.map(({ threads }) => threads)).toEqual([2]);
  expect(prompt).toMatchObject({ mostX: 512, mostMs: 980, words: "A piece of 64 prompt tokens takes 120 ms." });
});

it("has sentences for a table that has just begun, and a scale above 0", () => {
  const [one] = costs.threads;
  if (one === undefined) throw new Error("The costs have no threads");
  const begun = [{ ...one, decode: [{ rows: 1, ms: 7.25 }] }];
  expect(decodeCurves(begun).words).toBe("A step for 1 stream takes 7.3 ms.");
  expect(promptCurves(begun)).toEqual({ curves: [], mostX: 1, mostMs: 1, words: "" });
});

it("says how long a piece of a prompt is while a stream runs", () => {
  const piece = (context: number) => ({ context, tokens: 64, step_ms: 90.4, slowdown: 1.2 });
  expect(pieceWords([piece(0), piece(1_000)], false)).toBe(
    "While a stream runs, a prompt behind 1,000 tokens is read in pieces of 64 tokens, 90 ms each, without flash attention.",
  );
  expect(pieceWords([], true)).toBeUndefined();
});
