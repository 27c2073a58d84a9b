import { expect, test } from "vitest";
import { createDrafter, createGuessRecords } from "./drafter.ts";

test("a draft continues the text behind the latest place where the last tokens occurred, and repeats it", () => {
  const drafter = createDrafter({
    prompt: [1, 2, 3, 4, 5, 6, 7, 8],
    output: [2, 3, 4],
    earlier: () => undefined,
    records: createGuessRecords(),
  });
  expect(drafter.draft(10).tokens).toEqual([5, 6, 7, 8, 2, 3, 4, 5, 6, 7]);
});

test("a draft without the grammar keeps what the grammar expects, so that the record sees whether it was right", () => {
  const drafter = createDrafter({ prompt: [1], output: [], earlier: () => undefined, records: createGuessRecords() });
  const chance = (): number => drafter.draft(1, [7]).chances[0] ?? 0;
  const before = chance();
  drafter.draft(1);
  drafter.push(8);
  expect(chance()).toBeLessThan(before);
});
