// Tests the chances of a run: repeatable, different by name, and spread over their whole range.
import { describe, expect, it } from "vitest";
import { createRandom } from "./random.ts";

const draw = (seed: number, name: string): number[] => {
  const random = createRandom(seed, name);
  return Array.from({ length: 200 }, () => random.between(1, 6));
};

describe("chances", () => {
  it("are the same again for the same seed and name, and others for another", () => {
    expect(draw(1, "cancel")).toEqual(draw(1, "cancel"));
    expect(draw(1, "cancel")).not.toEqual(draw(1, "cycles"));
    expect(draw(1, "cancel")).not.toEqual(draw(2, "cancel"));
  });

  it("reach both ends and nothing beyond", () => {
    expect(new Set(draw(3, "dice"))).toEqual(new Set([1, 2, 3, 4, 5, 6]));
  });

  it("refuse to pick from nothing", () => {
    expect(() => createRandom(1, "x").pick([])).toThrow("Cannot pick");
  });
});
