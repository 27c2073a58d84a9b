// Keeps docs/operations.md in step with the metric table. What a failure expects is what belongs into the page.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { metricTable } from "./metric-table.ts";
import type { MetricRow } from "./metric-table.ts";

const page = readFileSync(new URL("../../../../docs/operations.md", import.meta.url), "utf8");

function cellsOf(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function rowOf(row: MetricRow): string[] {
  return [`\`${row.name}\``, row.kind, row.labels.map((label) => `\`${label}\``).join(", "), row.help];
}

test("the page lists every metric", () => {
  const section = page.split("\n## Metrics\n")[1]?.split(/\n##/)[0] ?? "";
  const rows = section
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2);
  expect(rows.map(cellsOf)).toEqual(Object.values(metricTable).map(rowOf));
});
