import { expect, test } from "vitest";
import { pieceLengths, shortestPiece, slowdownOf } from "./piece-lengths.ts";

test("lengths are powers of two, and between a tile and 512 whole tiles", () => {
  expect(pieceLengths(512)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 192, 256, 320, 384, 448, 512]);
  expect(pieceLengths(2_000).slice(-3)).toEqual([512, 1_024, 2_000]);
  expect(pieceLengths(20)).toEqual([1, 2, 4, 8, 16, 20]);
  expect(pieceLengths(1)).toEqual([1]);
});

test("the shortest good piece follows what the whole step costs, not what the piece costs", () => {
  const lengths = pieceLengths(512);
  const shortest = (stepMs: (tokens: number) => number): number =>
    shortestPiece(lengths, slowdownOf(lengths, stepMs), 1.3);
  const eachMs = 2;
  expect(
    shortest((tokens) => tokens * eachMs),
    "nothing but tokens",
  ).toBe(1);
  expect(
    shortest((tokens) => 30 + tokens * eachMs),
    "with streams",
  ).toBe(64);
  expect(
    shortest((tokens) => 300 + tokens * eachMs),
    "with many streams",
  ).toBe(256);
  expect(
    shortest((tokens) => 30 + (tokens < 64 ? 12 : 3) * tokens),
    "few tokens are dear",
  ).toBe(64);
});
