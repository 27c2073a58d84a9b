// Owns whether a program said what a page shows of it. Pure.

/** As `quoted` leaves it. */
const numberPattern = /\d+(?:\\?\.\d+)?/g;

/** In a page it stands for any text, or on a line of its own for any lines. */
const anything = "…";

/**
 * The first line of the page that the output does not have, or undefined. Lines of the page stand in the output in the same order, and others
 * may stand between them; blanks count as one.
 * @param anyNumbers each number of the page stands for any number
 */
export function missingLine(shown: string, output: string, anyNumbers = false): string | undefined {
  const lines = plain(output).split("\n").map(squeezed);
  let from = 0;
  for (const line of shown.split("\n").map(squeezed)) {
    if (line === "" || line === anything) continue;
    const parts = line.split(anything).map(quoted).join(".*");
    const pattern = new RegExp(`^${anyNumbers ? parts.replaceAll(numberPattern, numberPattern.source) : parts}$`);
    const at = lines.findIndex((said, i) => i >= from && pattern.test(said));
    if (at === -1) return line;
    from = at + 1;
  }
  return undefined;
}

/** Without colours and other words to a terminal. */
export function plain(output: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return output.replaceAll(/\u001B(?:\[[\d;?]*[A-Za-z]|\][^\u0007]*\u0007)/g, "").replaceAll("\r", "");
}

function squeezed(line: string): string {
  return line.trim().replaceAll(/\s+/g, " ");
}

function quoted(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}
