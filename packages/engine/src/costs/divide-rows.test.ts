import fc from "fast-check";
import { expect, test } from "vitest";
import { divideRows } from "./divide-rows.ts";

const of = (times: Readonly<Record<number, number>>) => (rows: number) => times[rows];

test("rows are one matrix where that is not clearly slower", () => {
  expect(divideRows(3, of({ 1: 10, 2: 15, 3: 18 }))).toEqual([3]);
  expect(divideRows(2, of({ 1: 10, 2: 21 }))).toEqual([2]);
  expect(divideRows(1, of({ 1: 10 }))).toEqual([1]);
  expect(divideRows(0, of({}))).toEqual([]);
});

test("rows are computed one after the other where a matrix of few rows is slow", () => {
  expect(divideRows(2, of({ 1: 9, 2: 28 }))).toEqual([1, 1]);
  expect(divideRows(6, of({ 1: 9, 2: 28, 3: 30, 4: 34, 5: 60, 6: 70 })).toSorted((a, b) => a - b)).toEqual([1, 1, 4]);
});

test("before a matrix was measured, rows are one matrix", () => {
  expect(divideRows(4, () => undefined)).toEqual([4]);
});

test("the matrices have all rows, and no division is clearly faster", () => {
  const time = fc.double({ min: 0.1, max: 100, noNaN: true });
  fc.assert(
    fc.property(fc.array(time, { minLength: 1, maxLength: 8 }), (times) => {
      const ms = (rows: number): number => times[rows - 1] ?? Infinity;
      const parts = divideRows(times.length, ms);
      expect(parts.reduce((sum, rows) => sum + rows, 0)).toBe(times.length);
      const total = parts.reduce((sum, rows) => sum + ms(rows), 0);
      expect(total).toBeLessThanOrEqual(ms(times.length));
      const leastMs = (left: number): number =>
        left === 0 ? 0 : Math.min(...Array.from({ length: left }, (_, i) => ms(i + 1) + leastMs(left - i - 1)));
      expect(total).toBeLessThanOrEqual(leastMs(times.length) / 0.9 + 1e-9);
    }),
  );
});
