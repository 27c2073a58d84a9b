import { expect, test } from "vitest";
import { shapeOf } from "./step-shape.ts";

test("context costs as in a row up to the tokens that attention computes at once, and otherwise as in a tile", () => {
  const works = [1, 10, 64].map((tokens, i) => ({ slot: 3 - i, tokens, held: 1_256, decodes: tokens === 1 }));
  const shape = (attentionTile: number) => shapeOf(works, { oneMatrix: false, attentionTile });
  expect(shape(64)).toEqual({ decode: [1], prompt: [10, 64], rowContext: 11, tileContext: 64 });
  expect(shape(8)).toEqual({ decode: [1], prompt: [10, 64], rowContext: 1, tileContext: 74 });
});

test("decoding slots that count up by one are one matrix, without pieces of prompts", () => {
  const work = (slot: number, tokens: number, decodes = true) => ({ slot, tokens, held: 0, decodes });
  const works = [work(4, 2), work(3, 1, false), work(1, 3), work(2, 3)];
  const shape = (oneMatrix: boolean) => shapeOf(works, { oneMatrix, attentionTile: 64 });
  expect(shape(false)).toMatchObject({ decode: [2, 6], prompt: [1] });
  expect(shape(true)).toMatchObject({ decode: [], prompt: [9] });
});
