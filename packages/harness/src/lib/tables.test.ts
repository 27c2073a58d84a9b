// Tests the shape of tables.
import { expect, it } from "vitest";
import { markdownTable, tableLines } from "./tables.ts";

const rows = [
  ["decode", "1"],
  ["queued", "0|1"],
];

it("makes columns as wide as their widest cell", () => {
  const lines = ["phase   DELETE job", "------  ----------", "decode  1", "queued  0|1"];
  expect(tableLines(["phase", "DELETE job"], rows)).toEqual(lines);
});

it("makes Markdown in which no cell ends a cell", () => {
  expect(markdownTable(["phase", "n"], rows)).toBe("| phase | n |\n| --- | --- |\n| decode | 1 |\n| queued | 0\\|1 |");
});
