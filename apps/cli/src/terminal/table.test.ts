import { expect, it } from "vitest";
import { formatFacts, formatTable } from "./table.ts";

it("a column is as wide as its widest cell on the screen, also with wide characters and colours", () => {
  const columns = [{ title: "NAME" }, { title: "SIZE", right: true }, { title: "STATE" }];
  const rows = [
    ["模型", "1.1 GB", "ready"],
    ["\u001b[1mbee\u001b[22m", "45 MB", ""],
  ];
  expect(formatTable(columns, rows)).toBe(
    ["NAME    SIZE  STATE", "模型  1.1 GB  ready", "\u001b[1mbee\u001b[22m    45 MB", ""].join("\n"),
  );
});

it("facts leave out unknown values", () => {
  expect(
    formatFacts([
      ["name", "bee"],
      ["context", undefined],
      ["quantization", "Q8_0"],
    ]),
  ).toBe("name          bee\nquantization  Q8_0\n");
  expect(formatFacts([])).toBe("");
});
