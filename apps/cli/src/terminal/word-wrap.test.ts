import { describe, expect, it } from "vitest";
import { createWordWrap } from "./word-wrap.ts";

/** The lines that a terminal of this width shows. */
function screen(written: string, columns: number): string[] {
  const lines: string[][] = [[]];
  let x = 0;
  for (const [sequence] of written.replaceAll("\u001b", "⎋").matchAll(/⎋\[\d*[A-Z]|[^]/gu)) {
    const line = lines.at(-1) ?? [];
    if (sequence === "\n") {
      lines.push([]);
      x = 0;
    } else if (sequence.endsWith("D") && sequence.length > 1) x -= Number(sequence.slice(2, -1));
    else if (sequence === "⎋[K") line.length = x;
    else {
      if (x >= columns) {
        lines.push([]);
        x = 0;
      }
      (lines.at(-1) ?? [])[x++] = sequence;
    }
  }
  return lines.map((line) => line.join("").trimEnd());
}

function wrapped(pieces: readonly string[], columns: number): string[] {
  const wrap = createWordWrap(() => columns);
  return screen(pieces.map(wrap.push).join(""), columns);
}

describe("a streamed text", () => {
  it("is broken between words, however it is cut into chunks", () => {
    const text = "Lily loved to play outside with her friends.";
    const expected = ["Lily loved to", "play outside", "with her", "friends."];
    expect(wrapped([text], 14)).toEqual(expected);
    expect(wrapped([...text], 14)).toEqual(expected);
    expect(wrapped(["Lily lov", "ed to pla", "y outside with he", "r friends."], 14)).toEqual(expected);
  });

  it("has broken words only where a word is longer than a line", () => {
    expect(wrapped(["an abcdefghijklmnop end"], 10)).toEqual(["an", "abcdefghi", "jklmnop", "end"]);
  });

  it("keeps the lines of code", () => {
    const code = "const x = anotherVeryLongName;";
    expect(wrapped([`see\n\`\`\`\n${code}\n\`\`\`\nand then more words`], 12).slice(0, 6)).toEqual([
      "see",
      "```",
      code.slice(0, 12),
      code.slice(12, 24),
      code.slice(24),
      "```",
    ]);
  });

  it("adapts to a window that becomes narrower", () => {
    let columns = 40;
    const wrap = createWordWrap(() => columns);
    const before = wrap.push("one two three four\n");
    columns = 10;
    expect(screen(before + wrap.push("five six seven"), 40)).toEqual(["one two three four", "five six", "seven"]);
  });
});
