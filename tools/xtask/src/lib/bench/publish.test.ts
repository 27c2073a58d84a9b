// Tests what goes into the README, without writing it.
import { describe, expect, it } from "vitest";
import { between, concurrencyChart } from "./publish.ts";
import type { BenchRow } from "./run-bench.ts";
import { markdownTable, rowLines } from "./table.ts";

const row: BenchRow = {
  scenario: "concurrency",
  label: "8 streams",
  figures: {
    tokensPerSecond: { ours: 300, theirs: 200, ratio: 1.5 },
    itlP95Ms: { ours: 20, theirs: 10, ratio: 2 },
    promptTokens: { ours: 10, theirs: 11, ratio: 0.9 },
  },
  ours: [],
  theirs: [],
  loadAverage: 0.5,
};
const skipped: BenchRow = { ...row, label: "16 streams", figures: {}, skipped: "no room" };

describe("a benchmark's table", () => {
  it("goes between the markers and nowhere else", () => {
    const text = "before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n";
    expect(between(text, "NEW")).toBe("before\n<!-- bench:begin -->\n\nNEW\n\n<!-- bench:end -->\nafter\n");
    expect(between(between(text, "X"), "NEW")).toBe(between(text, "NEW"));
    expect(() => between("no markers", "NEW")).toThrow(/bench:begin/);
  });

  it("has a line for each case that was played", () => {
    const table = markdownTable([row, skipped]);
    expect(table.split("\n")).toEqual([
      "|  | tokens/s |",
      "| --- | ---: |",
      "| concurrency: 8 streams | 300.0 / 200.0 (1.50) |",
    ]);
  });

  it("points at what is worse, at prompts that differ and at what was not played", () => {
    const lines = rowLines(row, true);
    expect(lines.find((line) => line.includes("ITL p95"))).toMatch(/2\.00 {2}<$/);
    expect(lines.find((line) => line.includes("tokens/s"))).not.toContain("<");
    expect(lines.find((line) => line.includes("prompt tokens"))).toContain("not the same prompts");
    expect(rowLines(skipped, true)).toEqual(["concurrency: 16 streams  not played: no room"]);
  });

  it("has a picture when the sweep was played", () => {
    expect(concurrencyChart([row, skipped], ["Waggle", "other"])).toContain("<svg");
    expect(concurrencyChart([{ ...row, scenario: "joining" }], ["Waggle"])).toBeUndefined();
  });
});
