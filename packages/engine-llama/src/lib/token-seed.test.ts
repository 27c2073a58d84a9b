import { expect, test } from "vitest";
import { tokenSeed } from "./token-seed.ts";

// MurmurHash3_x86_32 as its author's C++ gives it.
test.each([
  [0, 0, 0x2362_f9de],
  [0, 0x8765_4321, 0xf55b_516b],
  [0x5082_edee, 0x8765_4321, 0x2362_f9de],
  [0, 0xffff_ffff, 0x7629_3b50],
])("is the hash of the position: seed %i, position %i", (seed, position, expected) => {
  expect(tokenSeed(seed, position)).toBe(expected);
});

test("is another one for each position and each seed", () => {
  const positions = new Set(Array.from({ length: 20_000 }, (_, position) => tokenSeed(7, position)));
  expect(positions.size).toBe(20_000);
  const seeds = new Set(Array.from({ length: 20_000 }, (_, seed) => tokenSeed(seed, 7)));
  expect(seeds.size).toBe(20_000);
});

test("is never what llama.cpp takes for no seed", () => {
  // The one seed with which the hash of position 0 is that.
  expect(tokenSeed(0x8838_7adb, 0)).toBe(0);
  expect(tokenSeed(0x8838_7ada, 0)).toBeGreaterThan(0);
});
