import { expect, test } from "vitest";
import type { BatchEntry } from "../port/steps.ts";
import { shapeOf } from "./step-shape.ts";

const entry = (slot: number, tokens: number): BatchEntry => ({
  ...{ slot, from: 1_256, sample: true },
  tokens: Array<number>(tokens).fill(1),
});

test("context costs as in a row up to the tokens that attention computes at once, and otherwise as in a tile", () => {
  const entries = [entry(3, 1), entry(1, 10), entry(0, 64)];
  const shape = (attentionTile: number) => shapeOf(entries, { oneMatrix: false, attentionTile });
  expect(shape(64)).toEqual({ decode: [1], prompt: [10, 64], rowContext: 11, tileContext: 64 });
  expect(shape(8)).toEqual({ decode: [1], prompt: [10, 64], rowContext: 1, tileContext: 74 });
});
