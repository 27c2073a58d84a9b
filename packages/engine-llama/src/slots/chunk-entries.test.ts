import { expect, test } from "vitest";
import { createChunkEntries } from "./chunk-entries.ts";

test("a chunk keeps its number, and a forgotten chunk gets one that no chunk has had", () => {
  const entryOf = createChunkEntries(2);
  expect(["a", "b", "a"].map(entryOf)).toEqual([-1, -2, -1]);
  expect(["c", "b", "a", "c"].map(entryOf)).toEqual([-3, -2, -4, -3]);
});
