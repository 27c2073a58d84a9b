import { describe, expect, test } from "vitest";
import { createDraws, tokenSeed } from "./random.ts";

describe("the random numbers of a token", () => {
  // Printed with 17 and 9 digits by a C++ program (g++ 12.2): two draws of `std::uniform_real_distribution<double>(0, 1)` on a fresh
  // `std::mt19937`, and two of `std::uniform_real_distribution<float>(0, 1)` on another generator.
  test.each([
    [0, 0.59284461651668263, 0.84426574425659828, 0.548813522, 0.592844605],
    [1, 0.99718480823026556, 0.93255736136816547, 0.41702199, 0.997184813],
    [42, 0.79654298428784598, 0.18343478789336848, 0.37454012, 0.796543002],
    [12_345, 0.89015471328273787, 0.13070729405534817, 0.929616094, 0.890154719],
    [2_147_483_648, 0.33526730634085899, 0.36064697145962687, 0.152002871, 0.335267305],
    [4_294_967_294, 0.10184899170898529, 0.94789751258733013, 0.520666957, 0.10184899],
    [3_141_592_653, 0.90953737441618454, 0.32560119413062572, 0.607219696, 0.909537375],
  ])("are those of C++ for seed %i", (seed, firstDouble, secondDouble, firstFloat, secondFloat) => {
    const draws = createDraws(seed);
    expect([draws.double(), draws.double()]).toEqual([firstDouble, secondDouble]);
    expect([draws.float(), draws.float()]).toEqual([Math.fround(firstFloat), Math.fround(secondFloat)]);
  });

  test("are evenly distributed, and at most two", () => {
    const counts = [0, 0, 0, 0];
    for (let seed = 0; seed < 8_000; seed++) {
      const at = Math.floor(4 * createDraws(seed).double());
      counts[at] = (counts[at] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(200);
    const draws = createDraws(1);
    draws.double();
    draws.double();
    expect(() => draws.double()).toThrow("more than twice");
  });
});

describe("the seed of a token", () => {
  // Results of the C++ code of MurmurHash3_x86_32's author.
  test.each([
    [0, 0, 0x2362_f9de],
    [0, 0x8765_4321, 0xf55b_516b],
    [0x5082_edee, 0x8765_4321, 0x2362_f9de],
    [0, 0xffff_ffff, 0x7629_3b50],
  ])("is the hash of the position: seed %i, position %i", (seed, position, expected) => {
    expect(tokenSeed(seed, position)).toBe(expected);
  });

  test("is different for each position and each seed of a job", () => {
    const positions = new Set(Array.from({ length: 20_000 }, (_, position) => tokenSeed(7, position)));
    expect(positions.size).toBe(20_000);
    const seeds = new Set(Array.from({ length: 20_000 }, (_, seed) => tokenSeed(seed, 7)));
    expect(seeds.size).toBe(20_000);
  });

  test("is never the number that llama.cpp replaces by a random seed", () => {
    // The hash of position 0 with this seed is 0xffffffff.
    expect(tokenSeed(0x8838_7adb, 0)).toBe(0);
    expect(tokenSeed(0x8838_7ada, 0)).toBeGreaterThan(0);
  });
});
