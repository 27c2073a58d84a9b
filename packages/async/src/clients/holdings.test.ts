import { expect, test } from "vitest";
import { createHoldings } from "./holdings.ts";

test("the client with most gives way, and a thing that grows keeps its place", () => {
  const held = createHoldings<string>();
  for (const thing of ["a1", "b1", "a2", "b2"]) held.set(thing.charAt(0), thing, 10);
  held.set("b", "b1", 15);
  expect([held.size, [...held.ofLargest], [...held]]).toEqual([45, ["b1", "b2"], ["a1", "b1", "a2", "b2"]]);
  expect([held.remove("b1"), held.remove("b1"), held.has("b1")]).toEqual([true, false, false]);
  expect([held.size, [...held.ofLargest]]).toEqual([30, ["a1", "a2"]]);
  expect([[...held.takeBeyond(25)], [...held.takeBeyond(20)], [...held]]).toEqual([["a1"], [], ["a2", "b2"]]);
  expect([...held.takeBeyond(-1)]).toEqual(["a2", "b2"]);
  expect([held.size, [...held.ofLargest]]).toEqual([0, []]);
});
