import { expect, it } from "vitest";
import { createOutput, helpColumns } from "./output.ts";

it("output has colours only on a terminal, and a default width if the width is unknown", () => {
  const stream = { isTTY: true, columns: 100, write: () => true };
  expect(createOutput(stream, true).style.bold("x")).toBe("\u001b[1mx\u001b[22m");
  expect(createOutput(stream, false).style.bold("x")).toBe("x");
  expect(createOutput({ write: () => true }, true).style.bold("x")).toBe("x");
  expect(createOutput(stream, true).columns()).toBe(100);
  expect(createOutput({ ...stream, columns: 0 }, true).columns()).toBe(80);
});

it("a help fits the terminal, and has 110 columns elsewhere and in wider ones", () => {
  const widths = [{ isTTY: true, columns: 80 }, { isTTY: true, columns: 200 }, { isTTY: true }, { columns: 80 }];
  expect(widths.map((stream) => helpColumns(stream))).toEqual([80, 110, 80, 110]);
});
