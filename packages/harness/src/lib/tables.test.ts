// Tests the shape of a table.
import { expect, it } from "vitest";
import { markdownTable } from "./tables.ts";

const rows = [
  ["decode", "1"],
  ["queued", "0|1"],
];

it("makes Markdown in which no cell ends a cell", () => {
  expect(markdownTable(["phase", "n"], rows)).toBe("| phase | n |\n| --- | --- |\n| decode | 1 |\n| queued | 0\\|1 |");
});
