import { describe, expect, test } from "vitest";
import { createTransferCost } from "./transfer-cost.ts";

describe("a transfer", () => {
  test("pays before measurements, except for a few tokens", () => {
    const cost = createTransferCost();
    expect(cost.pays({ gained: 32, loaded: 1_000, saved: 1_000 }, undefined)).toBe(true);
    expect(cost.pays({ gained: 31, loaded: 31 }, undefined)).toBe(false);
    expect(cost.pays({ gained: 31, loaded: 31 }, 1_000)).toBe(false);
    cost.addLoad(1_000, 1);
    expect(cost.pays({ gained: 2, loaded: 1_000 }, 1)).toBe(true);
    expect(cost.pays({ gained: 0, loaded: 1_000 }, 1)).toBe(false);
  });

  test("pays when computing takes at least twice as long", () => {
    const cost = createTransferCost();
    cost.addLoad(1_000, 10);
    expect(cost.pays({ gained: 100, loaded: 1_000 }, 0.2)).toBe(true);
    expect(cost.pays({ gained: 100, loaded: 1_000 }, 0.19)).toBe(false);
    cost.addSave(1_000, 10);
    expect(cost.pays({ gained: 100, loaded: 1_000, saved: 1_000 }, 0.2)).toBe(false);
    expect(cost.pays({ gained: 100, loaded: 1_000, saved: 1_000 }, 0.4)).toBe(true);
  });

  test("in a folder that was slow does not pay, in this engine and the next one", () => {
    const cost = createTransferCost();
    cost.addSave(1_000, 10_000);
    for (const each of [cost, createTransferCost(10)]) {
      expect(each.pays({ gained: 1_000, loaded: 1_000, saved: 1_000 }, 1)).toBe(false);
      expect(each.pays({ gained: 1_000, loaded: 1_000 }, 1)).toBe(false);
      expect(each.pays({ gained: 1_000, loaded: 1_000 }, 20)).toBe(true);
    }
  });

  test("that was not measured is tried if it takes no longer than a second at the speed of a save", () => {
    const cost = createTransferCost();
    cost.addSave(100, 500);
    expect(cost.pays({ gained: 100, loaded: 199 }, 0.1)).toBe(true);
    expect(cost.pays({ gained: 100, loaded: 200 }, 0.1)).toBe(false);
  });

  test("between slots has a separate cost", () => {
    const cost = createTransferCost();
    cost.addLoad(1_000, 1_000);
    expect(cost.pays({ gained: 32, copied: 32 }, 0.001), "not measured yet").toBe(true);
    expect(cost.pays({ gained: 31, copied: 31 }, 1_000)).toBe(false);
    cost.addCopy(1_000, 10);
    expect(cost.pays({ gained: 10, copied: 10 }, 0.02)).toBe(true);
    expect(cost.pays({ gained: 10, copied: 10 }, 0.01)).toBe(false);
  });

  test("is judged by the median, so one slow transfer changes nothing", () => {
    const cost = createTransferCost();
    for (const ms of [10, 10, 9_000]) cost.addLoad(1_000, ms);
    expect(cost.pays({ gained: 100, loaded: 1_000 }, 0.2)).toBe(true);
  });
});
