import { describe, expect, test } from "vitest";
import { createHeld } from "./held.ts";

describe("what a slot holds", () => {
  test("grows by the tokens that steps feed, and each token takes a position", () => {
    const held = createHeld();
    held.feed([1, 2, 3]);
    held.feed([4]);
    expect(held).toMatchObject({ entries: [1, 2, 3, 4], nextPosition: 4 });
  });

  test("is the same list for a reader after every change", () => {
    const held = createHeld([1, 2, 3, 4]);
    const { entries } = held;
    held.cut(1);
    held.feed([5]);
    expect(entries).toEqual([1, 5]);
  });

  test("keeps or drops a chunk of a picture as a whole, and continues one that a pass fed in part", () => {
    const chunk = { id: "a", entry: -1, picture: 0, cells: 4, positions: 2, causal: true };
    const held = createHeld([1]);
    held.feedCells({ chunk, first: 0, count: 3 });
    held.cut(4);
    held.feedCells({ chunk, first: 3, count: 1 });
    held.feed([2]);
    expect(held).toMatchObject({ entries: [1, -1, -1, -1, -1, 2], chunks: [{ at: 1, chunk }], nextPosition: 4 });
    expect(() => held.cut(4)).toThrow("Cannot keep 4 entries of a slot: they end within a picture");
    held.cut(5);
    expect(held).toMatchObject({ chunks: [{ at: 1, chunk }], nextPosition: 3 });
    held.cut(1);
    expect(held).toMatchObject({ entries: [1], chunks: [], nextPosition: 1 });
  });

  test("cannot keep what it does not have", () => {
    const held = createHeld([1, 2, 3]);
    expect(() => held.cut(4)).toThrow("Cannot keep 4 entries of a slot: it holds 3");
    expect(held.entries).toEqual([1, 2, 3]);
  });
});
