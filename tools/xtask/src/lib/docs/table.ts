// Formats Markdown tables like the formatter: all cells of a column have the same width, so that generated pages pass its check.

/** @param numbers whether all columns after the first are aligned to the right */
export function alignedTable(rows: readonly (readonly string[])[], numbers = false): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const [headings = [], ...others] = cells;
  const widths = headings.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? "").length)));
  const isRight = (column: number): boolean => numbers && column > 0;
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => (isRight(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, at) => (isRight(at) ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return [line(headings), line(rule), ...others.map(line)].join("\n");
}
