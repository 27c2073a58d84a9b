import { expect, test } from "vitest";
import { entriesWithin, hasPictures, positionBehind, wholeChunks, withCells } from "./entries.ts";
import type { PictureChunk } from "./pictures.ts";

const chunk = (entry: number, cells: number): PictureChunk => {
  return { id: "", entry, picture: 0, cells, positions: 2, causal: true };
};

test("equal chunks next to each other, and a last one, are counted, kept and found as a whole", () => {
  const { entries, chunks } = withCells([5, chunk(-1, 3), chunk(-1, 3), 7, chunk(-2, 2)]);
  expect(entries).toEqual([5, -1, -1, -1, -1, -1, -1, 7, -2, -2]);
  const counts = [0, ...entries.keys()].map((_, count) => count);
  expect(counts.map((count) => wholeChunks(chunks, count))).toEqual([0, 1, 1, 1, 4, 4, 4, 7, 8, 8, 10]);
  expect(counts.map((count) => positionBehind(chunks, count))).toEqual([0, 1, 3, 3, 3, 5, 5, 5, 6, 8, 8]);
  const within = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((positions) => entriesWithin(chunks, positions));
  expect(within).toEqual([0, 1, 1, 4, 4, 7, 8, 8, 10]);
  expect(entries.map((_, at) => hasPictures(chunks, at, at + 1))).toEqual(entries.map((entry) => entry < 0));
});
