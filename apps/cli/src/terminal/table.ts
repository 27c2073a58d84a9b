// Formats columns of text: each as wide as its widest cell, numbers aligned to the right.
import stringWidth from "string-width";

export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

export function texts(...titles: readonly string[]): readonly Column[] {
  return titles.map((title) => ({ title }));
}

/** Columns of numbers, which are aligned to the right. */
export function numbers(...titles: readonly string[]): readonly Column[] {
  return titles.map((title) => ({ title, right: true }));
}

/** Formats a table with two spaces between columns and a newline after each row. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => stringWidth(line[i] ?? ""))));
  return lines.map((line) => `${formatLine(line, columns, widths)}\n`).join("");
}

function formatLine(cells: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  const padded = columns.map(({ right }, i) => {
    const cell = cells[i] ?? "";
    const padding = " ".repeat((widths[i] ?? 0) - stringWidth(cell));
    return right === true ? padding + cell : cell + padding;
  });
  return padded.join("  ").trimEnd();
}

/** Formats names before their values, and leaves out empty values. */
export function formatFacts(facts: readonly (readonly [name: string, value: string | undefined])[]): string {
  const shown = facts.filter(([, value]) => value !== undefined && value !== "");
  const width = Math.max(0, ...shown.map(([name]) => stringWidth(name)));
  return shown.map(([name, value]) => `${name}${" ".repeat(width - stringWidth(name))}  ${value ?? ""}\n`).join("");
}
