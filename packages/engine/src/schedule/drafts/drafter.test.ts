import { expect, test } from "vitest";
import { createDrafter, createDraftRecords } from "./drafter.ts";

test("a draft continues the text after the latest place where the last tokens occurred, and repeats it", () => {
  const drafter = createDrafter({
    prompt: [1, 2, 3, 4, 5, 6, 7, 8],
    output: [2, 3, 4],
    earlier: () => undefined,
    records: createDraftRecords(),
  });
  expect(drafter.draft(10).tokens).toEqual([5, 6, 7, 8, 2, 3, 4, 5, 6, 7]);
});
