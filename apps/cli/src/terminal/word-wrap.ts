// Owns how a text that comes in pieces is broken between its words. A word that turns out too long for the line it began on is taken back
// and written on the next one; code between fences is left as it is, so that it can be copied.
import stringWidth from "string-width";

export interface WordWrap {
  /** What to write for this piece. */
  push(text: string): string;
  /** What was written otherwise has left the cursor at the start of a line. */
  reset(): void;
}

const fence = "```";

/** @param columns of the terminal, asked for each character; the last one stays empty, where terminals differ */
export function createWordWrap(columns: () => number): WordWrap {
  let column = 0;
  let word = "";
  let lineStart = "";
  let inCode = false;

  function push(character: string): string {
    if (character === "\n") {
      newLine();
      return "\n";
    }
    if (lineStart.length < fence.length) {
      lineStart += character;
      if (lineStart === fence) inCode = !inCode;
    }
    if (inCode) return character;
    return /\s/u.test(character) ? pushBlank(character) : pushLetter(character);
  }

  function newLine(): void {
    column = 0;
    word = "";
    lineStart = "";
  }

  function pushBlank(character: string): string {
    word = "";
    if (column + 1 >= columns()) {
      column = 0;
      return "\n";
    }
    column += 1;
    return character;
  }

  function pushLetter(character: string): string {
    const width = stringWidth(character);
    if (column + width < columns()) {
      column += width;
      word += character;
      return character;
    }
    const taken = stringWidth(word);
    if (word === "" || taken >= column) {
      // It fills the line by itself: broken where the line ends.
      word = character;
      column = width;
      return `\n${character}`;
    }
    word += character;
    column = taken + width;
    return `\u001b[${taken}D\u001b[K\n${word}`;
  }

  return {
    push: (text) => Array.from(text, push).join(""),
    reset() {
      newLine();
      inCode = false;
    },
  };
}
