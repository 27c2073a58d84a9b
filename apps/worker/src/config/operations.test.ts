// Keeps docs/operations.md in step with the settings. What a failure expects is what belongs into the page.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { optionGroups, variableOf } from "@waggle/daemon";
import type { OptionRow } from "@waggle/daemon";
import { optionRows } from "./option-table.ts";

const page = readFileSync(new URL("../../../../docs/operations.md", import.meta.url), "utf8");

/** The rows of the first table below a heading, cells trimmed, without the head. */
function tableBelow(heading: string): string[] {
  const section = page.split(`\n### ${heading}\n`)[1]?.split(/\n##/)[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("|"));
  return rows.slice(2).map((line) => line.replaceAll(/ *\| */g, " | ").trim());
}

function rowOf(row: OptionRow): string {
  const flag = row.value === undefined ? `--${row.flag}` : `--${row.flag} <${row.value}>`;
  const fallback =
    row.default === undefined ? (row.defaultText ?? "") : row.default === "false" ? "off" : `\`${row.default}\``;
  return `| \`${flag}\` | \`${variableOf(row)}\` | ${fallback} | ${row.help} |`.replaceAll(/ *\| */g, " | ").trim();
}

test.each(optionGroups)("the page lists the settings of %s", (group) => {
  const rows = optionRows.map(([, row]) => row).filter((row) => row.group === group);
  expect(tableBelow(group)).toEqual(rows.map(rowOf));
});
