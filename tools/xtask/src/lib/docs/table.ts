// Formats Markdown like the formatter, so that generated pages pass its check: the cells of a column have the same width, and lines of prose end
// at the same column.

/** As in .oxfmtrc.json. */
const lineWidth = 120;

export function alignedTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const [headings = [], ...others] = cells;
  const widths = headings.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(headings), line(rule), ...others.map(line)].join("\n");
}

/** Breaks a paragraph or a list item into lines, but not within code. @param indent of all lines after the first */
export function wrappedProse(text: string, indent = ""): string {
  const [first = "", ...words] = text.match(/(?:`[^`]*`|[^\s`])+/g) ?? [];
  const lines = [first];
  for (const word of words) {
    const line = `${lines.at(-1)} ${word}`;
    if (line.length > lineWidth) lines.push(indent + word);
    else lines[lines.length - 1] = line;
  }
  return lines.join("\n");
}
