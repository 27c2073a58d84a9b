import { describe, expect, test } from "vitest";
import { createPrices, type Prices } from "./prices.ts";
import type { StepShape } from "./step-shape.ts";

const none = { decode: [], prompt: [], rowContext: 0, tileContext: 0 };
const rows = (...decode: number[]): StepShape => ({ ...none, decode });
const piece = (tokens: number, rowContext = 0): StepShape => ({ ...none, prompt: [tokens], rowContext });
const observe = (prices: Prices, times: number, shape: StepShape, ms: number, threads = 1): void => {
  for (let i = 0; i < times; i++) prices.observe(shape, threads, ms);
};

describe("the price of a step", () => {
  test("is unknown before anything was measured", () => {
    expect(createPrices().ms(rows(1), 1)).toBeUndefined();
  });

  test("is that of a size, interpolated between sizes, and a piece of a prompt fills the gaps of rows", () => {
    const prices = createPrices();
    prices.enter("decode", 1, 1, 10);
    prices.enter("decode", 3, 1, 44);
    prices.enter("decode", 4, 1, 40);
    prices.enter("prompt", 4, 1, 30);
    prices.enter("prompt", 64, 1, 160);
    expect([2, 3, 4, 34].map((count) => prices.ms(rows(count), 1))).toEqual([27, 44, 40, 100]);
    expect(prices.ms(rows(1, 4), 1)).toBe(50);
  });

  test("of many rows grows as over all sizes, although the last two took equally long by chance", () => {
    const prices = createPrices();
    prices.enter("decode", 1, 1, 10);
    prices.enter("prompt", 32, 1, 101);
    prices.enter("prompt", 64, 1, 100);
    expect(prices.ms(piece(512), 1)).toBeGreaterThan(700);
  });

  test("with other threads is as if work divided perfectly, until a step has shown it", () => {
    const prices = createPrices();
    prices.enter("decode", 1, 1, 10);
    prices.enter("prompt", 64, 1, 160);
    expect(prices.ms(rows(1), 2)).toBe(5);
    observe(prices, 20, rows(1), 9, 2);
    expect(prices.ms(rows(1), 2)).toBeCloseTo(9, 1);
    expect(prices.ms(piece(64), 2)).toBe(80);
    expect(prices.ms(rows(1), 1)).toBe(10);
  });
});

describe("a step", () => {
  test("moves its price, and single slow steps move it by an eighth at most", () => {
    const prices = createPrices();
    prices.enter("decode", 1, 1, 10);
    prices.observe(rows(1), 1, 500);
    expect(prices.ms(rows(1), 1)).toBe(11.25);
    observe(prices, 10, rows(1), 10);
    expect(prices.ms(rows(1), 1)).toBeCloseTo(10, 0);
  });

  test("on a machine that is busy for some time raises prices, which return within ten steps", () => {
    const prices = createPrices();
    for (const count of [1, 4]) prices.enter("decode", count, 1, 10 * count);
    observe(prices, 100, rows(4), 120);
    expect(prices.ms(rows(4), 1)).toBeCloseTo(120, 0);
    expect(prices.ms(rows(1), 1), "of a size that was not used").toBe(10);
    observe(prices, 10, rows(4), 40);
    expect(prices.ms(rows(4), 1)).toBeLessThan(45);
  });

  test("takes the same time whatever it computes: the prices fall, alone and with a piece of a prompt", () => {
    for (const prompt of [[], [64]]) {
      const prices = createPrices();
      for (const count of [1, 2, 4]) prices.enter("decode", count, 1, 40);
      prices.enter("prompt", 64, 1, 40);
      const scattered = { ...rows(1, 2, 1), prompt };
      expect(prices.ms(scattered, 1)).toBeGreaterThanOrEqual(120);
      observe(prices, 30, scattered, 40);
      expect(prices.ms(scattered, 1)).toBeCloseTo(40, 0);
    }
  });

  test("with a piece of a prompt corrects the price of the piece, also where the rows cost more", () => {
    const prices = createPrices();
    prices.enter("decode", 4, 1, 200);
    prices.enter("prompt", 8, 1, 10);
    observe(prices, 30, { ...rows(4), prompt: [8] }, 240);
    expect(prices.ms(piece(8), 1)).toBeCloseTo(40, 0);
    expect(prices.ms(rows(4), 1)).toBe(200);
  });

  test("sets the price of a size that others suggested, up to half more than they suggested", () => {
    const prices = createPrices();
    prices.enter("decode", 4, 1, 40);
    prices.enter("decode", 16, 1, 100);
    expect(prices.ms(rows(8), 1)).toBe(60);
    prices.observe(rows(8), 1, 45);
    expect(prices.ms(rows(8), 1)).toBe(45);
    prices.observe(rows(12), 1, 500);
    expect(prices.ms(rows(12), 1)).toBeCloseTo(1.5 * 72.5, 9);
  });

  test("of a list without prices divides its time between its tokens", () => {
    const prices = createPrices();
    prices.observe({ ...rows(2), prompt: [8] }, 1, 100);
    expect([prices.ms(rows(2), 1), prices.ms(piece(8), 1)]).toEqual([20, 80]);
  });
});

describe("what context costs", () => {
  test("is learned from steps with a long one, if it was not measured", () => {
    const prices = createPrices();
    prices.enter("prompt", 16, 1, 50);
    prices.observe(piece(16, 16), 2, 500);
    expect(prices.list().context.row_ms, "the first step with two threads sets their price").toBe(0);
    observe(prices, 30, piece(16, 16), 50 + 16 * 5);
    expect(prices.list().context.row_ms).toBeCloseTo(5, 0);
    expect(prices.ms(piece(16), 1)).toBe(50);
  });

  test("was measured alone: steps correct it by its part of them", () => {
    const prices = createPrices(undefined, { row_ms: 6, tile_ms: 1 });
    prices.enter("decode", 4, 1, 60);
    const behind = { ...rows(4), rowContext: 4 };
    expect(prices.ms(behind, 1)).toBe(84);
    observe(prices, 30, behind, 63);
    expect(prices.ms(behind, 1)).toBeCloseTo(63, 0);
    expect(prices.list().context.row_ms).toBeGreaterThan(4);
    expect(prices.list().context.row_ms).toBeLessThan(6);
    expect(prices.list().context.tile_ms).toBe(1);
  });
});

test("a list is what another one begins with", () => {
  const prices = createPrices(undefined, { row_ms: 6, tile_ms: 1 });
  prices.enter("decode", 1, 2, 10);
  prices.enter("prompt", 64, 2, 90);
  expect(createPrices(prices.list()).list()).toEqual(prices.list());
});
