import { expect, test } from "vitest";
import { quantizationOf } from "./file-types.ts";

test.each([
  [0, "F32"],
  [7, "Q8_0"],
  [15, "Q4_K_M"],
  [18, "Q6_K"],
  [25, "IQ4_NL"],
  [32, "BF16"],
  [38, "MXFP4_MOE"],
  [41, "Q2_0"],
  [4_711, undefined],
  [undefined, undefined],
])("file type %s is %s", (fileType, name) => {
  expect(quantizationOf(fileType)).toBe(name);
});
