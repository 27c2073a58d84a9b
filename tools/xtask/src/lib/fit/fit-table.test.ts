import { expect, test } from "vitest";
import { fitTable, judge } from "./fit-table.ts";
import type { Compared } from "./measure.ts";

const row = { shape: "x", slots: 2, contextSize: 512, batchSize: 512 };
const parts = { weights: 100, cache: 50, state: 0, compute: 40, output: 10 };

function compared(factor: number, resident: number): Compared {
  const estimate = {
    ...parts,
    vocabulary: 0,
    total: 200,
    host: 200,
    gpu: 0,
    resident: 180,
    context: { host: 0, gpu: 0 },
  };
  const taken = { ...parts, weights: 100 * factor, resident };
  return { row, estimate, taken };
}

test("an estimate is near when buffers and the process are within a twentieth", () => {
  expect(judge(compared(1, 200), 20).near).toBe(true);
  expect(judge(compared(1.2, 200), 20).near).toBe(false);
  expect(judge(compared(1, 180), 20).near).toBe(false);
});

test("shows what was compared", () => {
  const [, line] = fitTable([judge(compared(1, 200), 20)]).split("\n");
  expect(line).toMatch(/^x +2 x 512 .* 1\.000 .* 1\.000$/);
});
