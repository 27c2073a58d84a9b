// Breaks streamed text into lines between words. If a word turns out to be too long for its line, it is erased and written on the
// next line. Code between fences is unchanged, so that users can copy the code.
import stringWidth from "string-width";

export interface WordWrap {
  push(text: string): string;
  /** Call after other output that left the cursor at the start of a line. */
  reset(): void;
}

const fence = "```";

/** @param columns the terminal's width, read for each character. The last column stays empty, because terminals treat it differently */
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
      // The word is longer than a line, so it is broken at the end of the line.
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
