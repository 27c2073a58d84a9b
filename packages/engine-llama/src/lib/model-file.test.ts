import { expect, test } from "vitest";
import { quantizationOf } from "./model-file.ts";

test.each([
  [0, "F32"],
  [7, "Q8_0"],
  [15, "Q4_K_M"],
  [4_711, undefined],
  [undefined, undefined],
])("file type %s is %s", (fileType, name) => {
  expect(quantizationOf(fileType)).toBe(name);
});
