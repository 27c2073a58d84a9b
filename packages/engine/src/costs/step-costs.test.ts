import { describe, expect, test } from "vitest";
import { createStepCosts } from "./step-costs.ts";
import type { StepShape } from "./step-shape.ts";

const rows = (...decode: number[]): StepShape => ({ decode, prompt: [], rowContext: 0, tileContext: 0 });
const piece = (tokens: number, rowContext = 0): StepShape => ({
  decode: [],
  prompt: [tokens],
  rowContext,
  tileContext: 0,
});

describe("the predicted time", () => {
  test("is unknown before anything was measured", () => {
    expect(createStepCosts().ms(rows(1), 1)).toBeUndefined();
  });

  test("is interpolated between measured sizes, and a piece of a prompt fills the gaps of rows", () => {
    const costs = createStepCosts();
    costs.enter("decode", 1, 1, 10);
    costs.enter("decode", 4, 1, 40);
    costs.enter("prompt", 64, 1, 160);
    expect([2, 4, 34].map((count) => costs.ms(rows(count), 1))).toEqual([20, 40, 100]);
    expect(costs.ms(rows(1, 4), 1)).toBe(50);
  });

  test("of many rows grows at least as over all measured sizes, although the last two took equally long by chance", () => {
    const costs = createStepCosts();
    costs.enter("decode", 1, 1, 10);
    costs.enter("prompt", 48, 1, 101);
    costs.enter("prompt", 64, 1, 100);
    expect(costs.ms(piece(512), 1)).toBeGreaterThan(700);
  });

  test("follows recent steps, and returns to the usual time of a size that was not used for long", () => {
    const costs = createStepCosts();
    costs.enter("decode", 1, 1, 10);
    costs.enter("decode", 4, 1, 20);
    for (let i = 0; i < 9; i++) costs.observe(rows(1), 1, 20);
    expect(costs.ms(rows(1), 1)).toBe(20);
    expect(costs.ms(rows(4), 1), "as much slower as the steps that were seen").toBeGreaterThan(25);
    for (let i = 0; i < 200; i++) costs.observe(rows(1), 1, 10);
    expect(costs.ms(rows(4), 1)).toBeCloseTo(20, 0);
  });

  test("of a size that was seen once is not above what its neighbours say", () => {
    const costs = createStepCosts();
    costs.enter("decode", 4, 1, 40);
    costs.enter("decode", 16, 1, 80);
    costs.observe(rows(8), 1, 500);
    expect(costs.ms(rows(8), 1)).toBeLessThan(60);
    for (let i = 0; i < 9; i++) costs.observe(rows(8), 1, 500);
    expect(costs.ms(rows(8), 1)).toBe(500);
  });

  test("falls where a step takes the same time whatever it computes, alone and with a piece of a prompt", () => {
    for (const prompt of [[], [46]]) {
      const costs = createStepCosts();
      for (const count of [1, 2, 4]) costs.enter("decode", count, 1, 40);
      costs.enter("prompt", 64, 1, 40);
      const scattered: StepShape = { decode: [1, 2, 1], prompt, rowContext: 0, tileContext: 0 };
      expect(costs.ms(scattered, 1)).toBeGreaterThanOrEqual(120);
      for (let i = 0; i < 50; i++) costs.observe(scattered, 1, 40);
      expect(Math.abs((costs.ms(scattered, 1) ?? 0) - 40)).toBeLessThan(1);
    }
  });

  test("has the share of the context, which is learned from steps with a long one", () => {
    const costs = createStepCosts();
    costs.enter("prompt", 16, 1, 50);
    for (let i = 0; i < 9; i++) costs.observe(piece(16), 1, 50);
    for (let i = 0; i < 9; i++) costs.observe(piece(16, 16), 1, 50 + 16 * 5);
    expect(costs.snapshot().context.row_ms).toBeCloseTo(5, 0);
  });
});

test("a share of the context that was measured alone is corrected within limits", () => {
  const costs = createStepCosts(undefined, { row_ms: 6, tile_ms: 1 });
  expect(costs.snapshot().context).toEqual({ row_ms: 6, tile_ms: 1 });
  costs.enter("decode", 4, 1, 60);
  // The rows were measured while another program ran: the steps are quicker, also with a context.
  for (let i = 0; i < 9; i++) costs.observe({ decode: [4], prompt: [], rowContext: 4, tileContext: 0 }, 1, 50);
  expect(costs.snapshot().context.row_ms).toBe(4);
  expect(
    createStepCosts({ threads: [], context: { row_ms: 0, tile_ms: 90 } }, { row_ms: 6, tile_ms: 1 }).snapshot().context,
  ).toEqual({
    row_ms: 6,
    tile_ms: 1.5,
  });
});

test("a snapshot is what another table begins with", () => {
  const costs = createStepCosts();
  costs.enter("decode", 1, 2, 10);
  costs.enter("prompt", 64, 2, 90);
  expect(createStepCosts(costs.snapshot()).snapshot()).toEqual(costs.snapshot());
});
