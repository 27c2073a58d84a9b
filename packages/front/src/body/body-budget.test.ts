import { describe, expect, it } from "vitest";
import { createBodyBudget } from "./body-budget.ts";

describe("createBodyBudget", () => {
  it("drops the oldest body, and no longer counts its bytes", () => {
    const budget = createBodyBudget(100);
    const ended: string[] = [];
    const open = (name: string) => budget.open("a", () => ended.push(name));
    const [first, second, third] = [open("first"), open("second"), open("third")];
    first.add(40);
    second.add(40);
    third.add(20);
    expect([ended, budget.bytes]).toEqual([[], 100]);
    third.add(1);
    expect([ended, budget.bytes]).toEqual([["first"], 61]);
    first.add(100);
    first.close();
    expect([ended, budget.bytes]).toEqual([["first"], 61]);
    second.close();
    third.close();
    expect([ended, budget.bytes]).toEqual([["first"], 0]);
  });

  it("accepts a small body while large bodies never finish", () => {
    const budget = createBodyBudget(1_000);
    for (let i = 0; i < 300; i += 1) budget.open("a", () => {}).add(400);
    let isEnded = false;
    const small = budget.open("a", () => (isEnded = true));
    small.add(10);
    expect(isEnded).toBe(false);
    expect(budget.bytes).toBeLessThanOrEqual(1_000);
  });

  it("drops the bodies of the client with the most, not the oldest one of another client", () => {
    const budget = createBodyBudget(100);
    const ended: string[] = [];
    const open = (name: string) => budget.open(name.charAt(0), () => ended.push(name));
    open("a1").add(10);
    for (let i = 1; i <= 5; i += 1) open(`b${i}`).add(30);
    expect(ended).toEqual(["b1", "b2"]);
  });

  it("drops a body that is larger than the limit of all bodies", () => {
    const budget = createBodyBudget(10);
    let isEnded = false;
    budget.open("a", () => (isEnded = true)).add(11);
    expect([isEnded, budget.bytes]).toEqual([true, 0]);
  });
});
