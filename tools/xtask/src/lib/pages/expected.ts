// Compares a program's output with the output that a page shows. Pure.

/** A number in a pattern from `quoted`, where a point is escaped. */
const numberPattern = /\d+(?:\\?\.\d+)?/g;

/** In the output that a page shows, this character matches any text. Alone on a line, it matches any number of lines. */
const anything = "…";

/**
 * Returns the first line of the page that the output does not have, or undefined. The output must have the page's lines in order; other lines
 * may be between them. Several blanks count as one blank.
 * @param anyNumbers whether each number of the page matches any number
 */
export function missingLine(shown: string, output: string, anyNumbers = false): string | undefined {
  const lines = plain(output).split("\n").map(squeezed);
  let from = 0;
  for (const line of shown.split("\n").map(squeezed)) {
    if (line === "" || line === anything) continue;
    const parts = line.split(anything).map(quoted).join(".*");
    const pattern = new RegExp(`^${anyNumbers ? parts.replaceAll(numberPattern, numberPattern.source) : parts}$`);
    const at = lines.findIndex((printed, i) => i >= from && pattern.test(printed));
    if (at === -1) return line;
    from = at + 1;
  }
  return undefined;
}

/** Removes colours and other escape sequences. */
export function plain(output: string): string {
  // oxlint-disable-next-line no-control-regex -- escape sequences consist of control characters
  return output.replaceAll(/\u001B(?:\[[\d;?]*[A-Za-z]|\][^\u0007]*\u0007)/g, "").replaceAll("\r", "");
}

function squeezed(line: string): string {
  return line.trim().replaceAll(/\s+/g, " ");
}

function quoted(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}
