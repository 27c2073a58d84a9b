// Joins several lines into one message: lines between """ and """, or lines that end with a backslash.

const quotes = '"""';

export interface Composer {
  /** Adds a line. Returns the message when this line completes it. */
  add(line: string): string | undefined;
  /** Whether a message has begun and is not complete. */
  readonly open: boolean;
  reset(): void;
}

export function createComposer(): Composer {
  let lines: string[] = [];
  let quoted = false;

  function complete(): string {
    const message = lines.join("\n");
    lines = [];
    quoted = false;
    return message;
  }

  function addQuoted(line: string): string | undefined {
    if (!line.trimEnd().endsWith(quotes)) {
      lines.push(line);
      return undefined;
    }
    const last = line.trimEnd().slice(0, -quotes.length);
    if (last !== "") lines.push(last);
    return complete();
  }

  return {
    add(line) {
      if (quoted) return addQuoted(line);
      if (lines.length === 0 && line.trimStart().startsWith(quotes)) {
        quoted = true;
        const first = line.trimStart().slice(quotes.length);
        if (first.trimEnd().endsWith(quotes)) return addQuoted(first);
        if (first !== "") lines.push(first);
        return undefined;
      }
      if (line.endsWith("\\")) {
        lines.push(line.slice(0, -1));
        return undefined;
      }
      lines.push(line);
      return complete();
    },
    get open() {
      return quoted || lines.length > 0;
    },
    reset() {
      lines = [];
      quoted = false;
    },
  };
}
