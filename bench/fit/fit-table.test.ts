import { expect, test } from "vitest";
import { fitTable, judge } from "./fit-table.ts";
import type { Compared } from "./measure.ts";

const row = { shape: "x", slots: 2, contextSize: 512, batchSize: 512 };
const mebibyte = 1_048_576;
const parts = {
  weights: 1_000 * mebibyte,
  cache: 500 * mebibyte,
  state: 0,
  compute: 400 * mebibyte,
  output: 100 * mebibyte,
};

const processBytes = 200 * mebibyte;

/**
 * @param factor multiplies the weights that llama.cpp reports
 * @param residentMib resident memory of the process
 */
function compared(factor: number, residentMib: number): Compared {
  const estimate = {
    ...parts,
    vocabulary: 0,
    total: 2_000 * mebibyte,
    host: 2_000 * mebibyte,
    gpu: 0,
    resident: 1_800 * mebibyte,
    context: { host: 0, gpu: 0 },
  };
  const taken = { ...parts, weights: parts.weights * factor, resident: residentMib * mebibyte };
  return { row, estimate, taken };
}

test("an estimate is near when buffers and resident memory are within 5 % of the measured ones", () => {
  expect(judge(compared(1, 2_000), processBytes).near).toBe(true);
  expect(judge(compared(1, 2_090), processBytes).near).toBe(true);
  expect(judge(compared(1.2, 2_000), processBytes).near).toBe(false);
  expect(judge(compared(1, 2_120), processBytes).near).toBe(false);
  expect(judge(compared(1, 1_890), processBytes).near).toBe(false);
});

test("a row shows model, slots, context and both ratios", () => {
  const table = fitTable([judge(compared(1, 2_000), processBytes)]);
  expect(table).toMatch(/^\| x \| 2 x 512 \| .* \| 1\.000 \| .* \| 1\.000 \|$/m);
});
